-- why: a field that is a call in disguise
SELECT (s).to_jsonb FROM settings s
