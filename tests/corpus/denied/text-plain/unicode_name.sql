-- why: a name with escapes
SELECT U&"p\0061ssword_hash" FROM agents
