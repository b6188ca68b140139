-- why: a hidden column inside CASE
SELECT CASE password_hash WHEN 'x' THEN 1 END FROM agents
