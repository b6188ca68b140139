-- why: TABLE is SELECT *
TABLE secrets
