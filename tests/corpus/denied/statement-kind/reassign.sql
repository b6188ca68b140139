-- why: not a query and no change of rows
REASSIGN OWNED BY a TO b
