-- why: a hidden column inside a cast
SELECT password_hash::text FROM agents
