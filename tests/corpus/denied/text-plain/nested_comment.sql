-- why: a comment inside a comment: readers differ on where it ends
SELECT name FROM agents /*/* */ -- */ UNION SELECT value FROM secrets
