-- why: an ordered aggregate
SELECT string_agg(name, ', ' ORDER BY name DESC), array_agg(DISTINCT active ORDER BY active) FROM agents
