-- why: object ids
SELECT 1::oid
