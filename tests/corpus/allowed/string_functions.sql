-- why: functions with a grammar of their own
SELECT substring(name FROM 1 FOR 2), position('n' IN name), trim(BOTH ' ' FROM name), overlay(name PLACING 'x' FROM 1), upper(name) FROM agents ORDER BY id
