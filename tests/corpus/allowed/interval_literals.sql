-- why: intervals in their spellings
SELECT interval '1 day' + interval '2' hour, interval '1 day ago', '3 hours'::interval, make_interval(days => 3)
