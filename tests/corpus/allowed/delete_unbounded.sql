-- why: every row, where the policy says so
DELETE FROM settings
