-- why: every row, where the policy says so
UPDATE settings SET changed_at = '2025-06-01 00:00+00'
