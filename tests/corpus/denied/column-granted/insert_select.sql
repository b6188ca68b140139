-- why: a hidden column copied
INSERT INTO settings (key, value) SELECT password_hash, '1' FROM agents
