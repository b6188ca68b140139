-- why: an alias hides the table's name
SELECT agents.id FROM agents a
