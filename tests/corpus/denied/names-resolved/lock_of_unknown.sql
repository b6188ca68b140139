-- why: a lock on nothing
SELECT id FROM calls FOR UPDATE OF agents
