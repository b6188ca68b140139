-- why: an ordered-set aggregate
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY cost) AS median FROM calls
