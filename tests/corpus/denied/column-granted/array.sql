-- why: a hidden column inside ARRAY
SELECT ARRAY[password_hash] FROM agents
