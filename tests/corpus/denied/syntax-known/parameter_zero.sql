-- why: there is no parameter 0
SELECT $0
