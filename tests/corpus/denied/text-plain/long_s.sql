-- why: another such letter
SELECT id AS ſelect FROM agents
