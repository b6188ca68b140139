-- why: rows from jsonb, with their columns defined
SELECT r.a, r.b FROM jsonb_to_recordset('[{"a": 1, "b": "x"}]') AS r (a int, b text)
