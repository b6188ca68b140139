-- why: a column of the storage
SELECT xmin FROM settings
