-- why: a name in quotes is no keyword
SELECT started_at AT "time" ZONE 'UTC' FROM calls
