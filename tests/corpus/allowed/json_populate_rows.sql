-- why: many rows in one parameter, in the shape of a granted table
-- params: ["[{\"id\": 900, \"agent_id\": 1, \"tags\": [\"new\"]}]"]
SELECT r.id, agent_id, r.tags FROM jsonb_populate_recordset(NULL::calls, $1) AS r
