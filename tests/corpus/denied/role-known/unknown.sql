-- why: a role that the policy does not have
-- as: nobody
SELECT 1
