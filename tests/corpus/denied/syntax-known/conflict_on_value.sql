-- why: what ON CONFLICT infers from is a column, a call, or stands in parentheses
INSERT INTO settings (key) VALUES ('x') ON CONFLICT ('key') DO NOTHING
