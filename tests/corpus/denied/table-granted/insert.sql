-- why: no insert granted
INSERT INTO agents (id, name, hired_on) VALUES (9, 'x', now())
