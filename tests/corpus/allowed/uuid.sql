-- why: uuids
-- params: ["00000000-0000-0000-0000-000000000001"]
SELECT gen_random_uuid() IS NOT NULL, id FROM customers WHERE id = $1::uuid
