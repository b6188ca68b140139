-- why: USING with two columns
SELECT id, status FROM calls LEFT JOIN call_summary USING (id, status) ORDER BY 1
