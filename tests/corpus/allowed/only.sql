-- why: ONLY leaves out child tables
SELECT id FROM ONLY agents ORDER BY id
