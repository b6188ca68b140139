-- why: AT TIME ZONE
SELECT started_at AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Vienna', (started_at AT TIME ZONE 'UTC')::date FROM calls ORDER BY id
