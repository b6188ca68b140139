"""What is left to do: the files beside the rows of schema_migrations. Pure.

A row says that a text was applied; a file that says something else now, or
is gone, means that database and checkout have parted. A file that stopped
half-way outside a transaction has left nobody knows what. Then nothing is
applied until somebody has looked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from proxy.migrations.files import Migration, MigrationsInvalid

State = Literal["applied", "pending", "changed", "missing", "half-way"]

# What `applied_by` ends with where nothing has run here.
BASELINE: Final = " (baseline)"


@dataclass(frozen=True, slots=True)
class Applied:
    """One row of schema_migrations."""

    version: int
    name: str
    checksum: str
    applied_at: datetime
    duration_ms: int
    applied_by: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One row of schema_migrations_unfinished: a file that runs outside a transaction and has not come to its end.

    Statement number `statement` (from 1) of `statements`, on `line`, had begun; those before it are done.
    """

    version: int
    name: str
    statement: int
    statements: int
    line: int
    started_at: datetime
    started_by: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One version: its file, its row, or both; or the trace of a run that did not end."""

    version: int
    file: Migration | None
    row: Applied | None
    unfinished: Unfinished | None = None

    @property
    def state(self) -> State:
        """Half-way; pending; applied as the file says; changed since; or applied with no file any more."""
        if self.unfinished is not None:
            return "half-way"
        if self.row is None:
            return "pending"
        if self.file is None:
            return "missing"
        return "applied" if self.file.checksum == self.row.checksum else "changed"

    @property
    def name(self) -> str:
        """The file's description, or the row's where the file is gone."""
        known = self.file or self.row or self.unfinished
        return known.name if known else ""


class HalfWay(MigrationsInvalid):
    """A file outside a transaction that has not come to its end: somebody has to look first."""


def compare(
    files: Sequence[Migration], rows: Sequence[Applied], unfinished: Sequence[Unfinished] = ()
) -> tuple[Entry, ...]:
    """Return every version that is known, in order."""
    by_file = {file.version: file for file in files}
    by_row = {row.version: row for row in rows}
    half_way = {row.version: row for row in unfinished}
    return tuple(
        Entry(version, by_file.get(version), by_row.get(version), half_way.get(version))
        for version in sorted(by_file.keys() | by_row.keys() | half_way.keys())
    )


def highest_applied(entries: Sequence[Entry]) -> int:
    """Return the highest number that is applied, or -1."""
    return max((entry.version for entry in entries if entry.row), default=-1)


def pending(entries: Sequence[Entry], *, to: int | None = None, out_of_order: bool = False) -> tuple[Migration, ...]:
    """Return the files to apply, in order, up to and with number `to`.

    Raises `MigrationsInvalid`: for a file that has stopped half-way, that has
    changed or is missing since it was applied, for one inserted below the
    highest that is applied (unless `out_of_order`), and for a `to` that no
    file has.
    """
    for entry in entries:
        fault = told(entry)
        if fault is not None:
            raise fault
    refuse_unknown(entries, to)
    todo = tuple(entry.file for entry in entries if entry.file and entry.state == "pending")
    todo = tuple(file for file in todo if to is None or file.version <= to)
    if not out_of_order:
        _refuse_inserted(todo, highest_applied(entries))
    return todo


def refuse_unknown(entries: Sequence[Entry], version: int | None) -> None:
    """Raise `MigrationsInvalid` where no file and no row has the number."""
    if version is not None and version not in {entry.version for entry in entries}:
        raise MigrationsInvalid(f"there is no migration {version:03d}", "--status lists the numbers there are.")


def told(entry: Entry) -> MigrationsInvalid | None:
    """Return what keeps a run from starting because of one version, or None."""
    if entry.unfinished:
        return _half_way(entry.unfinished)
    if entry.row and entry.file is None:
        return MigrationsInvalid(
            f"{entry.version:03d} {entry.name} was applied, and there is no file of it",
            "Is this checkout older than the database? Apply from one that has the file.",
        )
    if entry.file and entry.row and entry.state == "changed":
        return MigrationsInvalid(
            f"{entry.file.path} has changed since it was applied: its checksum is {entry.file.checksum}, "
            f"and {entry.row.checksum} was applied on {entry.row.applied_at:%Y-%m-%d}",
            "Take the change back, and put it in a new file with the next number.",
        )
    return None


def _half_way(row: Unfinished) -> MigrationsInvalid:
    number = f"{row.version:03d}"
    before = f"the {row.statement - 1} before it are done" if row.statement > 1 else "it is the first"
    return HalfWay(
        f"{number} {row.name} has stopped half-way: it runs outside a transaction, and its statement {row.statement} "
        f"of {row.statements} (line {row.line}) had begun on {row.started_at:%Y-%m-%d %H:%M:%S} UTC as "
        f"{row.started_by}; {before}",
        f"Look what is there. Either undo it and say  --resolve {number} retry  (the whole file is pending again); "
        f"or do the rest by hand and say  --resolve {number} applied",
    )


def _refuse_inserted(todo: Sequence[Migration], highest: int) -> None:
    inserted = [file.path for file in todo if file.version < highest]
    if inserted:
        raise MigrationsInvalid(
            f"{', '.join(inserted)}: numbered below {highest:03d}, which is applied already",
            "Give it the next number; or apply it as it is with --allow-out-of-order.",
        )
