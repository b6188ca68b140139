-- why: functions with a grammar of their own
SELECT xmlelement(NAME a, name) FROM agents
