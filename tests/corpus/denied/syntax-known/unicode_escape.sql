-- why: an escape with too few digits
SELECT E'\u12'
