-- why: `*` with single columns granted
SELECT * FROM agents
