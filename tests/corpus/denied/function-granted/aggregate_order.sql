-- why: a function inside the ORDER BY of an aggregate
SELECT string_agg(name, ',' ORDER BY first_agent()) FROM agents
