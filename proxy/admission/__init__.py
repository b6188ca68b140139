"""May this request start now: rate, share, queue. No I/O here."""
