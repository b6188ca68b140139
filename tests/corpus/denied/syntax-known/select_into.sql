-- why: SELECT INTO makes a table
SELECT id INTO TEMP agents2 FROM agents
