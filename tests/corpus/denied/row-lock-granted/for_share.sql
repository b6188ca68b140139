-- why: a shared lock is a lock
SELECT id FROM agents FOR SHARE
