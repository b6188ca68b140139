-- why: TABLE reads every column
TABLE customers
