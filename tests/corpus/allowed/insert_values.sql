-- why: the plainest insert
INSERT INTO customers (id, name, email) VALUES ('00000000-0000-0000-0000-00000000000b', 'Initech', 'i@initech.example')
