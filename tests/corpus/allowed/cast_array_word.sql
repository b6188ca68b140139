-- why: an array's type by the standard's word for it
SELECT '{1,2}'::int ARRAY, CAST('{9.9}' AS numeric(4, 1) ARRAY[3]), '{a}'::character varying ARRAY FROM calls ORDER BY id
