-- why: not a query and no change of rows
COPY calls FROM '/etc/passwd'
