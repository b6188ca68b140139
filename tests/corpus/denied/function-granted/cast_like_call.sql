-- why: a type called as a function
SELECT regclass('secrets')
