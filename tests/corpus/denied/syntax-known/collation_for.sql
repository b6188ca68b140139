-- why: COLLATION FOR
SELECT collation for (name) FROM agents
