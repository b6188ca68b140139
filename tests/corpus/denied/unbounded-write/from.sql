-- why: FROM is no WHERE
UPDATE calls SET cost = 0 FROM agents
