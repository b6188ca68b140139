-- why: labels without AS, some of them words of the grammar
SELECT id number, name value, email type FROM agents ORDER BY number
