-- why: the clock
SELECT current_date > date '2020-01-01', current_timestamp = now(), localtime(0) IS NOT NULL
