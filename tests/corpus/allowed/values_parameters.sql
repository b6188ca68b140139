-- why: parameters next to commas and parentheses
-- params: ["1", "2", "3", "4"]
VALUES ($1,$2),($3,$4)
