-- why: a lock on a table without `lock: true`
SELECT id FROM agents FOR UPDATE
