-- why: a jsonb column changed in place
UPDATE calls SET details = jsonb_set(details, '{rating}', '4') - 'topic' WHERE id = 1 RETURNING details
