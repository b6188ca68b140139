-- why: one semicolon may end a statement
SELECT id FROM agents ORDER BY id;
