-- why: WITH ORDINALITY
SELECT t.tag, t.ordinality FROM calls c, unnest(c.tags) WITH ORDINALITY AS t (tag) WHERE c.id = 1 ORDER BY 2
