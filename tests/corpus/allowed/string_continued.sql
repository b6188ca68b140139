-- why: a string that goes on in the next line
SELECT 'one '
       'two', E'\x41'
  -- and a comment between
  '\x42'
