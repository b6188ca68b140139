-- why: a letter that nobody sees
SELECT id​ FROM agents
