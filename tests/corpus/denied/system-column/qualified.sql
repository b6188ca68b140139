-- why: by its table
SELECT s.xmax FROM settings s
