-- why: a type before a string
SELECT regclass 'secrets'
