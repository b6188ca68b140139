"""Migration files: read, ordered, applied. `apply_migrations.py` is the command."""
