-- why: TABLE is SELECT *
TABLE settings ORDER BY key
