-- why: a hidden column inside a subscript
SELECT tags[length(recording_key)] FROM calls
