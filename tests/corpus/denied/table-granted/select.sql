-- why: a table that is not in the policy
SELECT value FROM secrets
