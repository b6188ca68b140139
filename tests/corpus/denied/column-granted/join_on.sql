-- why: a hidden column in ON
SELECT a.id FROM agents a JOIN calls c ON c.recording_key = a.name
