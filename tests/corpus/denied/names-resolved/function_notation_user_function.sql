-- why: also on a function that the policy lists by name
-- needs: catalog
SELECT m.pg_sleep FROM mask('1') AS m
