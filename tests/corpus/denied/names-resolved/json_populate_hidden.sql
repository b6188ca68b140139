-- why: the shape of a table tells no more of its columns than the grant does
-- needs: catalog
SELECT r.recording_key FROM jsonb_populate_record(NULL::calls, $1) AS r
