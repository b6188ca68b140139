-- why: not a query and no change of rows
DO $$ BEGIN PERFORM 1; END $$
