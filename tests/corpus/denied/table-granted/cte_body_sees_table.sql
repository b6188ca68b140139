-- why: a common table expression does not see itself: the inner name is the table
WITH secrets AS (SELECT value FROM secrets) SELECT value FROM secrets
