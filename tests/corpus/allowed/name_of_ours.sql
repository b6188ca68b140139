-- why: the caller may use a name that regenerating uses too
WITH busy AS (SELECT agent_id AS "cte 1" FROM calls) SELECT "cte 1" FROM busy ORDER BY 1
