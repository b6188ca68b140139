-- why: not a query and no change of rows
GRANT ALL ON calls TO PUBLIC
