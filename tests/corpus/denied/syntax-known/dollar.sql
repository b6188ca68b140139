-- why: a dollar quote that is not closed
SELECT $a$ $b$
