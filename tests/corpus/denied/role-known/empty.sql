-- why: an empty role is none
-- as: Agent
SELECT 1
