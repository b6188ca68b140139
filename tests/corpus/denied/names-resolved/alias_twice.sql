-- why: one alias for two sources
SELECT 1 FROM agents a, calls a
