-- why: a letter that upper-cases into a keyword
SELECT id FROM agents lımıt
