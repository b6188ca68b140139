-- why: jsonb paths
SELECT id FROM calls WHERE details @? '$.rating ? (@ > 3)' AND jsonb_path_exists(details, '$.topic.name')
