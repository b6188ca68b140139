-- why: an update of every row
UPDATE calls SET status = 'failed'
