-- why: arguments by name
SELECT make_date(year => 2025, month => 11, day => 21)
