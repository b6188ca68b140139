-- why: DEFAULT as a value
UPDATE calls SET cost = DEFAULT WHERE id = 3 RETURNING cost
