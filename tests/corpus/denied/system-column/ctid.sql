-- why: a column of the storage
SELECT ctid FROM settings
