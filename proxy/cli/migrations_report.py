"""What `apply_migrations.py` prints: results on standard output, complaints on standard error.

With --json standard output gets one document at the end, and everything meant
for people goes to standard error.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TextIO

from proxy.cli.console import print_json
from proxy.cli.migrations_failure import Failure, describe, lines_of
from proxy.migrations.files import Migration, MigrationsInvalid
from proxy.migrations.plan import Entry, highest_applied
from proxy.migrations.running import Job
from proxy.migrations.turn import Session

_LABEL_WIDTH: Final = 11
_TITLES: Final[tuple[str, ...]] = ("version", "name", "state", "applied at (UTC)", "by", "took")


class Output:
    """Where what is told goes; with `as_json` it is gathered, one document a database, and printed by `end`."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json: Final = as_json
        self._documents: Final[list[dict[str, Any]]] = []
        self._error: dict[str, Any] | None = None

    @property
    def stream(self) -> TextIO:
        """Where lines for people go."""
        return sys.stderr if self._as_json else sys.stdout

    def say(self, text: str, end: str = "\n") -> None:
        """Print a line for people."""
        print(text, end=end, file=self.stream, flush=True)

    def begin(self, database: str) -> dict[str, Any]:
        """Begin a database's document; who does the work fills it."""
        self._documents.append({"database": database, "error": None})
        return self._documents[-1]

    def complain(self, message: str, hint: str | None = None) -> None:
        """Say on standard error what is wrong and what to do."""
        sys.stdout.flush()
        print(f"apply_migrations: {message}", file=sys.stderr)
        self._label("hint", hint)

    def failed(self, database: str, failure: Failure) -> dict[str, Any]:
        """Tell of a failure, and return what --json says of it."""
        head, *rest = lines_of(database, failure)
        self.complain(head[1] or "")
        for label, text in rest:
            self._label(label, text)
        return describe(database, failure)

    def refuse(self, fault: MigrationsInvalid) -> int:
        """Tell what is wrong with the files of a database before any was touched; return the exit status."""
        self.complain(fault.message, fault.hint)
        self._error = {"message": fault.message, "hint": fault.hint}
        return self.end(1)

    def not_tried(self, databases: Sequence[str]) -> None:
        """Name the databases that a failure has kept from their turn."""
        if databases:
            print(f"  not tried: {', '.join(databases)}", file=sys.stderr)
        self._documents.extend({"database": name, "error": {"message": "not tried"}} for name in databases)

    def end(self, status: int) -> int:
        """Print the document, where one was asked for, and return the exit status."""
        if self._as_json:
            print_json({"ok": status == 0, "error": self._error, "databases": self._documents})
        return status

    def _label(self, label: str, text: str | None) -> None:
        if text:
            first, *rest = text.splitlines()
            print(f"  {label + ':':<{_LABEL_WIDTH}}{first}", file=sys.stderr)
            for line in rest:
                print(f"  {'':<{_LABEL_WIDTH}}{line}".rstrip(), file=sys.stderr)


def status(output: Output, database: str, entries: Sequence[Entry], running: Session | None) -> Mapping[str, Any]:
    """Print one line a migration, and what they mean together; return what --json says."""
    waiting, half = (sum(entry.state == state for entry in entries) for state in ("pending", "half-way"))
    stopped = f", {half} half-way" if half else ""
    output.say(f"{database}: {len(entries) - waiting - half} applied, {waiting} pending{stopped}")
    highest = highest_applied(entries)
    rows = [_TITLES, *(_cells(entry, highest) for entry in entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        output.say("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if running:
        output.say(f"  a run is under way: {running}")
    return {
        "running": {"login": running.login, "pid": running.pid, "since": at(running.since)} if running else None,
        "migrations": [_document(entry, highest) for entry in entries],
    }


def _cells(entry: Entry, highest: int) -> tuple[str, ...]:
    row, half = entry.row, entry.unfinished
    told: tuple[str, ...] = ("", "", "")
    if row:
        told = (f"{row.applied_at:%Y-%m-%d %H:%M:%S}", row.applied_by, duration(row.duration_ms))
    elif half:
        told = (f"begun {half.started_at:%Y-%m-%d %H:%M:%S}", half.started_by, "")
    return (f"{entry.version:03d}", entry.name, _state(entry, highest), *told)


def _state(entry: Entry, highest: int) -> str:
    if entry.unfinished:
        return f"half-way ({entry.unfinished.statement} of {entry.unfinished.statements})"
    return f"pending, below {highest:03d}" if entry.state == "pending" and entry.version < highest else entry.state


def _document(entry: Entry, highest: int) -> dict[str, Any]:
    row, half = entry.row, entry.unfinished
    return {
        "version": entry.version,
        "name": entry.name,
        "state": entry.state,
        "out_of_order": entry.state == "pending" and entry.version < highest,
        "file": entry.file.path if entry.file else None,
        "file_checksum": entry.file.checksum if entry.file else None,
        "checksum": row.checksum if row else None,
        "applied_at": at(row.applied_at) if row else None,
        "applied_by": row.applied_by if row else None,
        "duration_ms": row.duration_ms if row else None,
        "half_way": {
            "statement": half.statement,
            "statements": half.statements,
            "line": half.line,
            "started_at": at(half.started_at),
            "started_by": half.started_by,
        }
        if half
        else None,
    }


def would_run(output: Output, database: str, jobs: Sequence[Job]) -> Mapping[str, Any]:
    """Print what would run, in full; return what --json says."""
    output.say(f"-- {database}: {files(len(jobs)) if jobs else 'nothing'} would be applied")
    for job in jobs:
        kind = "" if job.script.in_transaction else "  (statement by statement, outside a transaction)"
        output.say(f"\n-- {job.migration.path}{kind}\n{job.migration.text.rstrip()}")
    return {
        "pending": [
            {**brief(job.migration), "in_transaction": job.script.in_transaction, "sql": job.migration.text}
            for job in jobs
        ]
    }


def brief(migration: Migration) -> dict[str, Any]:
    """Return what --json says of a file."""
    return {"version": migration.version, "name": migration.name, "file": migration.path}


def at(moment: datetime | None) -> str | None:
    """Return a moment as --json writes it: ISO 8601 in UTC."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def files(count: int) -> str:
    """Count migrations."""
    return "1 migration" if count == 1 else f"{count} migrations"


def duration(milliseconds: int) -> str:
    """Tell how long something took."""
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
