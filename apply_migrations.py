#!/usr/bin/env python3
"""Apply what is pending of migrations/<database>/NNN_description.sql. `--help` explains; docs/migrations.md too."""

import sys
from pathlib import Path

try:
    from proxy.cli.migrations import main
except ModuleNotFoundError as exc:
    sys.exit(f"apply_migrations: {exc}: run it as  ./run python apply_migrations.py  (that installs what it needs)")

if __name__ == "__main__":
    sys.exit(main(home=Path(__file__).resolve().parent))
