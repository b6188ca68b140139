-- why: a function of another schema with a granted name
SELECT evil.lower(name) FROM agents
