-- why: a jsonb subscript
SELECT address['geo'][0], (address)['city'] FROM customers ORDER BY name
