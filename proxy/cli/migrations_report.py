"""What `apply_migrations.py` prints: progress, tables, failures. Results on standard output, complaints on error."""

import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from proxy.errors import Refusal, StatementFailed
from proxy.migrations.files import Migration, MigrationsInvalid
from proxy.migrations.plan import Entry
from proxy.migrations.runner import MigrationFailed

_STATEMENT_LINES: Final = 12
_TICK_S: Final = 1.0

Failure = MigrationsInvalid | MigrationFailed | Refusal | StatementFailed


class Progress:
    """Tells of one database's run as it goes; on a terminal the time of the file at work counts up."""

    def __init__(self, database: str) -> None:
        self._database: Final = database
        self._started: Final = time.monotonic()
        self._line = ""
        self._line_started = 0.0
        self._ended = threading.Event()
        self._ticker: Final = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        """Begin to count."""
        print(f"{self._database}:", flush=True)
        if sys.stdout.isatty():
            self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop counting, and end the line of a file that has not been applied."""
        self._ended.set()
        if self._ticker.is_alive():
            self._ticker.join()
        if self._line:
            print("not applied", flush=True)

    def waiting(self) -> None:
        """Say that another run is under way."""
        print("  another run is under way here; waiting for its end …", flush=True)

    def starting(self, migration: Migration) -> None:
        """Name the file that runs now."""
        self._line_started = time.monotonic()
        self._line = f"  {migration.version:03d} {migration.name} … "
        print(self._line, end="", flush=True)

    def applied(self, migration: Migration, duration_ms: int) -> None:
        """Say that the file that was named is committed."""
        del migration
        self._line = ""
        print(f"applied in {_duration(duration_ms)}", flush=True)

    def finished(self, count: int) -> None:
        """Sum up."""
        elapsed = _duration(round((time.monotonic() - self._started) * 1000))
        print(f"  {_files(count)} applied in {elapsed}" if count else "  nothing is pending", flush=True)

    def _tick(self) -> None:
        while not self._ended.wait(_TICK_S):
            line = self._line
            if line:
                print(f"\r{line}{time.monotonic() - self._line_started:.0f} s … ", end="", flush=True)


def status(database: str, entries: Sequence[Entry]) -> int:
    """Print one line a migration; return 1 where a file has changed or is missing since it was applied."""
    waiting = sum(entry.state == "pending" for entry in entries)
    print(f"{database}: {len(entries) - waiting} applied, {waiting} pending")
    rows = [("version", "name", "state", "applied at (UTC)", "by", "took"), *map(_cells, entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return int(any(entry.state in {"changed", "missing"} for entry in entries))


def _cells(entry: Entry) -> tuple[str, ...]:
    row = entry.row
    told = (f"{row.applied_at:%Y-%m-%d %H:%M:%S}", row.applied_by, _duration(row.duration_ms)) if row else ("", "", "")
    return (f"{entry.version:03d}", entry.name, entry.state, *told)


def would_run(database: str, todo: Sequence[Migration]) -> int:
    """Print what would run, in full."""
    print(f"-- {database}: {_files(len(todo)) if todo else 'nothing'} would be applied")
    for migration in todo:
        print(f"\n-- {migration.path}\n{migration.text.rstrip()}")
    return 0


def would_create(database: str) -> None:
    """Say that a database is missing and would be made."""
    print(f"-- {database}: does not exist, and would be created")


def created(database: str) -> None:
    """Say that a database was made."""
    print(f"{database}: created", flush=True)


def notice(line: str) -> None:
    """Pass on what PostgreSQL says in passing."""
    print(f"    {line}", file=sys.stderr, flush=True)


def not_tried(databases: Sequence[str]) -> None:
    """Name the databases that a failure has kept from their turn."""
    if databases:
        print(f"  not tried: {', '.join(databases)}", file=sys.stderr)


def failed(database: str, failure: Failure) -> None:
    """Print a failure: place, statement, PostgreSQL's words, and what is applied now."""
    if not isinstance(failure, MigrationFailed):
        complain(f"{database}: {failure}", failure.hint)
        return
    told = failure.failure
    complain(f"{failure.migration.path}:{failure.line}: {told.message} (SQLSTATE {told.code})")
    _print_labelled("statement", _shortened(failure.statement))
    _print_labelled("detail", told.detail)
    _print_labelled("hint", told.hint)
    applied = _APPLIED[failure.applied] if failure.statement else "nothing: every pending file is read before one runs"
    _print_labelled("applied", applied.format(database=database))


_APPLIED: Final = {
    "no": "nothing of this file; the files before it are",
    "unknown": "not known, the connection was lost while it committed; --status {database} tells",
    "yes": "all of it",
}


def complain(message: str, hint: str | None = None) -> int:
    """Say on standard error what is wrong and what to do; return the exit status of a failure."""
    sys.stdout.flush()
    print(f"apply_migrations: {message}", file=sys.stderr)
    _print_labelled("hint", hint)
    return 1


def _print_labelled(label: str, text: str | None) -> None:
    if text:
        lines = text.splitlines()
        print("\n".join([f"  {label + ':':<11}{lines[0]}", *(" " * 13 + line for line in lines[1:])]), file=sys.stderr)


def _shortened(statement: str) -> str:
    lines = statement.splitlines()
    if len(lines) <= _STATEMENT_LINES:
        return statement
    return "\n".join([*lines[:_STATEMENT_LINES], f"… and {len(lines) - _STATEMENT_LINES} lines more"])


def _files(count: int) -> str:
    return "1 migration" if count == 1 else f"{count} migrations"


def _duration(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
