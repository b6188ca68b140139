-- why: a function whose name is a word elsewhere
SELECT comment(name) FROM agents
