-- why: an element of an array and a key of a document may be written
UPDATE calls SET tags[2] = 'urgent', details['priority'] = '1' WHERE id = 1
