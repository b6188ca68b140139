-- why: a word that is a function
SELECT current_user
