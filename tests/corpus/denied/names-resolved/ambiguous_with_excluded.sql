-- why: in DO UPDATE a column is the table's or EXCLUDED's
INSERT INTO settings (key, value) VALUES ('x', '1') ON CONFLICT (key) DO UPDATE SET value = value
