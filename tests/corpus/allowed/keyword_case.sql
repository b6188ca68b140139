-- why: keywords and unquoted names fold
Select A.ID From Agents As A WHERE A.Active Order By 1
