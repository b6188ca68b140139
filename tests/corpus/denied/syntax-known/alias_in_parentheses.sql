-- why: only a join has parentheses around an alias
SELECT 1 FROM ((SELECT 1) a) b
