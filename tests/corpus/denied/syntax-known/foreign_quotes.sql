-- why: backticks
SELECT `id` FROM agents
