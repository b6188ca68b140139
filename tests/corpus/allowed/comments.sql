-- why: comments between tokens
SELECT id -- the key
     , /* a note, it's */ name
  FROM agents/**/WHERE id/* */= 1 -- end
