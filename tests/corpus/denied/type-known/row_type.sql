-- why: a table's row type
SELECT NULL::secrets
