"""Rows that expire: declared once for each database, deleted by one command (`purge`)."""
