-- why: a hidden column in DISTINCT ON
SELECT DISTINCT ON (password_hash) id FROM agents
