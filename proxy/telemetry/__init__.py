"""What happened, told once: one function an event; log lines and metrics render it."""
