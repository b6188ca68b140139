"""Who is asking: tokens and API keys become a principal. No I/O here."""
