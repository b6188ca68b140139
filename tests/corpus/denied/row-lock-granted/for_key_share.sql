-- why: the weakest lock is a lock
SELECT id FROM agents FOR KEY SHARE SKIP LOCKED
