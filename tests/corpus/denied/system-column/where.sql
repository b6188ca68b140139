-- why: in WHERE
DELETE FROM settings WHERE ctid = '(0,1)'
