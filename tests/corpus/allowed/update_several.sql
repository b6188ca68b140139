-- why: several columns at once
UPDATE calls SET (cost, transcript) = (cost + 1, 'x') WHERE id = 1 RETURNING cost, transcript
