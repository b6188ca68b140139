-- why: parentheses that are none
SELECT count（*） FROM agents
