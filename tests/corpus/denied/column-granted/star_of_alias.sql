-- why: `alias.*` with single columns granted
SELECT a.* FROM agents a
