-- why: a hidden column inside FILTER
SELECT count(*) FILTER (WHERE password_hash IS NULL) FROM agents
