-- why: any character inside quotes
SELECT 'äöü € 😀', E'\u20AC'
