-- why: words that are no statement
SELECT WHERE AND
