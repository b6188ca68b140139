-- why: EXTRACT and its kin
SELECT extract(year FROM started_at AT TIME ZONE 'UTC'), date_part('hour', started_at AT TIME ZONE 'UTC') FROM calls ORDER BY id
