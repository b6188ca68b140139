-- why: jsonb operators
SELECT id, details -> 'topic' ->> 'name' AS topic, details #>> '{topic,name}' FROM calls WHERE details ? 'rating' AND details @> '{"rating": 5}'
