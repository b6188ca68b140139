-- why: numbers that PostgreSQL 15 and 16 read differently
SELECT 0x1F
