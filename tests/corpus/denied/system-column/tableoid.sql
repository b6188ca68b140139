-- why: a column of the storage
SELECT tableoid FROM settings
