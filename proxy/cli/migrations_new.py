"""`apply_migrations.py new "description"`: the next file of a database's folder."""

import argparse
import fcntl
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from proxy.cli.console import HelpFormatter
from proxy.migrations.files import FileName, MigrationsInvalid, list_folder, shown

DESCRIPTION = """\
Make the next file of a database: migrations/<database>/NNN_description.sql,
with the number after the highest there is, however wide the numbers are; a
folder that counts by time (20240101120000_…) goes on with the time (UTC).
It prints the file's path, and refuses a description that is there already."""

EPILOG = """\
examples:
  ./apply_migrations.py new "add user preferences" callmeback
  $EDITOR "$(./apply_migrations.py new 'add user preferences' callmeback)"

Exit status: 0 made, 1 refused, 2 wrong usage."""

TEMPLATE: Final = """\
-- {description}.

-- It runs in one transaction with its row in schema_migrations. For what cannot (CREATE INDEX CONCURRENTLY, VACUUM),
-- write as the first line:  -- apply: no-transaction
"""
_TIMESTAMP_DIGITS: Final = 14
_LONGEST_NAME: Final = 80


def main(argv: Sequence[str], *, home: Path) -> int:
    """Run `new` and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="apply_migrations.py new", description=DESCRIPTION, epilog=EPILOG, formatter_class=HelpFormatter
    )
    parser.add_argument("description", metavar="DESCRIPTION", help='what it does: "add user preferences"')
    parser.add_argument("database", nargs="?", metavar="DATABASE", help="which folder; may be left out if there is one")
    parser.add_argument("--folder", type=Path, default=home / "migrations", help="default: %(default)s")
    arguments = parser.parse_args(argv)
    there = find_databases(arguments.folder) or []
    database = arguments.database or (there[0] if len(there) == 1 else None)
    if database not in there:
        known = ", ".join(there) or "none"
        parser.error(f"which DATABASE? There are: {known}; a new one begins with  mkdir {arguments.folder}/NAME")
    slug = re.sub(r"[^a-z0-9]+", "_", arguments.description.lower()).strip("_")[:_LONGEST_NAME].strip("_")
    if not slug:
        parser.error(f"{arguments.description!r} has no letter or digit that a file's name could have")
    try:
        print(shown(create(arguments.folder / database, slug, arguments.description.strip())))
    except MigrationsInvalid as exc:
        print(f"apply_migrations: {exc.message}\n  hint:      {exc.hint}", file=sys.stderr)
        return 1
    return 0


def find_databases(folder: Path) -> list[str] | None:
    """Return the names of the folders in it, or None where there is no such folder."""
    if not folder.is_dir():
        return None
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def create(folder: Path, slug: str, description: str) -> Path:
    """Make the file and return its path. Raises `MigrationsInvalid` where one is called so, or numbers clash."""
    with _turn(folder):
        names = list_folder(folder)
        same = [name.file for name in names if name.description == slug]
        if same:
            raise MigrationsInvalid(
                f"{shown(folder)}: {same[0]} is called so already", "Say what is different this time."
            )
        path = folder / f"{next_number(names)}_{slug}.sql"
        path.write_text(TEMPLATE.format(description=description), encoding="utf-8")
    return path


def next_number(names: Sequence[FileName], now_s: float | None = None) -> str:
    """Return the number after the highest, as wide as the folder writes them; `now_s` is Unix time (default: now)."""
    highest = names[-1].version if names else 0
    if len(str(highest)) == _TIMESTAMP_DIGITS:
        now = int(time.strftime("%Y%m%d%H%M%S", time.gmtime(now_s)))
        return str(max(now, highest + 1))
    digits = re.search(r"[0-9]+", names[-1].file) if names else None
    return f"{highest + 1:0{max(3, len(digits[0]) if digits else 0)}d}"


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Keep two that are made at once from getting one number."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
