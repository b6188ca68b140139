-- why: a hidden column inside a window
SELECT rank() OVER (ORDER BY password_hash) FROM agents
