-- why: EXCLUDED outside of ON CONFLICT
SELECT excluded.key FROM settings
