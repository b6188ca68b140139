-- why: an alias that FROM does not have
SELECT x.id FROM agents a
