-- why: a string that looks like a mark is a string
SELECT text '.', char '('
