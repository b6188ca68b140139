"""What is left to do: the files beside the rows of schema_migrations. Pure.

A row says that a text was applied; a file that says something else now, or
is gone, means that database and checkout have parted. Then nothing is
applied until somebody has looked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from proxy.migrations.files import Migration, MigrationsInvalid

State = Literal["applied", "pending", "changed", "missing"]


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
class Entry:
    """One version: its file, its row, or both."""

    version: int
    file: Migration | None
    row: Applied | None

    @property
    def state(self) -> State:
        """Applied as the file says, pending, changed since, or applied with no file any more."""
        if self.row is None:
            return "pending"
        if self.file is None:
            return "missing"
        return "applied" if self.file.checksum == self.row.checksum else "changed"

    @property
    def name(self) -> str:
        """The file's description, or the row's where the file is gone."""
        return self.file.name if self.file else self.row.name if self.row else ""


def compare(files: Sequence[Migration], rows: Sequence[Applied]) -> tuple[Entry, ...]:
    """Return every version that is known, in order."""
    by_file = {file.version: file for file in files}
    by_row = {row.version: row for row in rows}
    return tuple(
        Entry(version, by_file.get(version), by_row.get(version)) for version in sorted(by_file.keys() | by_row.keys())
    )


def pending(entries: Sequence[Entry], *, to: int | None = None, out_of_order: bool = False) -> tuple[Migration, ...]:
    """Return the files to apply, in order, up to and with number `to`.

    Raises `MigrationsInvalid`: for a file that has changed or is missing since
    it was applied, for one inserted below the highest that is applied (unless
    `out_of_order`), and for a `to` that no file has.
    """
    _refuse_parted(entries)
    if to is not None and to not in {entry.version for entry in entries}:
        raise MigrationsInvalid(f"there is no migration {to:03d}", "--status lists the numbers there are.")
    todo = tuple(entry.file for entry in entries if entry.file and entry.row is None)
    todo = tuple(file for file in todo if to is None or file.version <= to)
    if not out_of_order:
        _refuse_inserted(todo, max((entry.version for entry in entries if entry.row), default=-1))
    return todo


def _refuse_parted(entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.row and entry.state == "missing":
            raise MigrationsInvalid(
                f"{entry.version:03d} {entry.name} was applied, and there is no file of it",
                "Is this checkout older than the database? Apply from one that has the file.",
            )
        if entry.file and entry.row and entry.state == "changed":
            raise MigrationsInvalid(
                f"{entry.file.path} has changed since it was applied: its checksum is {entry.file.checksum}, "
                f"and {entry.row.checksum} was applied on {entry.row.applied_at:%Y-%m-%d}",
                "Take the change back, and put it in a new file with the next number.",
            )


def _refuse_inserted(todo: Sequence[Migration], highest: int) -> None:
    inserted = [file.path for file in todo if file.version < highest]
    if inserted:
        raise MigrationsInvalid(
            f"{', '.join(inserted)}: numbered below {highest:03d}, which is applied already",
            "Give it the next number; or apply it as it is with --allow-out-of-order.",
        )
