-- why: a whole row as a column
SELECT s FROM settings s
