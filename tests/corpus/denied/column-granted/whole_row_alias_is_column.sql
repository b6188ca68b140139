-- why: an alias that looks like a granted column is the row
SELECT count(cost) FROM agents AS cost
