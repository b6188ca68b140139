-- why: the whole row by its star
SELECT count(a.*) FROM agents a
