-- why: a string with escapes of its own
SELECT U&'d\0061t'
