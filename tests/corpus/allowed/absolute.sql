-- why: the prefix operator @, as PostgreSQL reads it
SELECT @ -5, @ cost FROM calls ORDER BY id
