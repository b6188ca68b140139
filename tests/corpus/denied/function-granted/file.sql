-- why: files of the server
SELECT pg_read_file('/etc/passwd')
