"""Migration files as values: which there are, in which order, and what identifies their text.

A folder holds `NNN_description.sql`; `NNN-description.sql`, `V7__description.sql`
and `NNN_description.up.sql` are read alike, and the `.down.sql` beside such a
file is never applied. Gaps in the numbers are fine; two files of one number
are not, since nothing would say which comes first. Files of another kind
(notes, an editor's leavings) are not looked at. Pure, but for `load_folder`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Final

# Eighteen digits fit into a bigint; a timestamp such as 20240101120000 has fourteen.
_NAME: Final = re.compile(
    r"(?:V(?=[0-9]+__))?(?P<number>[0-9]{1,18})(?:__|_|-)(?P<description>.+?)(?:\.up)?\.sql", re.IGNORECASE | re.ASCII
)
_BACKWARDS: Final = ".down.sql"


class MigrationsInvalid(Exception):  # noqa: N818 - the domain's word
    """Migration files that cannot be applied as they are; `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class FileName:
    """A migration file's name, taken apart: `009_create_admin_users.sql` is 9 and `create_admin_users`."""

    version: int
    description: str
    file: str


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration file; `path` is what messages call it. Its `text` has plain line ends, whatever the file has."""

    version: int
    name: str
    path: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text in hex. How a checkout ends its lines does not change it."""
        return sha256(self.text.encode()).hexdigest()


def order(listing: Iterable[str], folder: str = ".") -> tuple[FileName, ...]:
    """Return the migration files of a folder's listing in the order of their numbers.

    `folder` is what messages call it. Raises `MigrationsInvalid` for an SQL
    file without a number, and for files of one number, all of which it names.
    """
    found = [parse_name(file, folder) for file in listing if _is_candidate(file)]
    names = sorted(found, key=lambda name: (name.version, name.file))
    same = [[name.file for name in group] for _, group in groupby(names, key=lambda name: name.version)]
    clashes = [files for files in same if len(files) > 1]
    if clashes:
        raise MigrationsInvalid(
            f"{folder}: one number may have one file only: " + "; ".join(map(_listed, clashes)),
            "Renumber those that have not been applied anywhere yet.",
        )
    return tuple(names)


def parse_name(file: str, folder: str = ".") -> FileName:
    """Take a file's name apart. Raises `MigrationsInvalid` where it has no number."""
    match = _NAME.fullmatch(file)
    if match is None:
        raise MigrationsInvalid(
            f"{folder}: {file} has no number that can be read",
            "Name it NNN_description.sql (010_add_user_preferences.sql), or keep it in another folder.",
        )
    return FileName(int(match["number"]), match["description"], file)


def _is_candidate(file: str) -> bool:
    return file.lower().endswith(".sql") and not file.startswith(".") and not file.lower().endswith(_BACKWARDS)


def _listed(files: Sequence[str]) -> str:
    return f"{', '.join(files[:-1])} and {files[-1]}"


def load_folder(folder: Path) -> tuple[Migration, ...]:
    """Read the migrations of one folder, in order. Raises `MigrationsInvalid`, also for what cannot be read."""
    try:
        names = list_folder(folder)
        _refuse_folders(folder, any_files=bool(names))
        return tuple(
            Migration(name.version, name.description, shown(folder / name.file), _read(folder / name.file))
            for name in names
        )
    except OSError as exc:
        raise MigrationsInvalid(
            f"{exc.filename}: cannot be read: {exc.strerror}", "Run this as somebody who may read the checkout."
        ) from exc


def list_folder(folder: Path) -> tuple[FileName, ...]:
    """Return the names of a folder's migrations, in order. Raises as `order` does, and `OSError`."""
    return order([entry.name for entry in folder.iterdir() if entry.is_file()], shown(folder))


def _refuse_folders(folder: Path, *, any_files: bool) -> None:
    """Stop where migrations seem to lie one folder deeper: they would silently never be applied."""
    for inner in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        looks_like_one = re.match(r"[Vv]?[0-9]+([_-]|$)", inner.name) is not None
        sql = next(iter(sorted(inner.glob("*.sql"))), None)
        if sql is not None and (looks_like_one or not any_files):
            raise MigrationsInvalid(
                f"{shown(sql)}: lies in a folder of its own, where no migration is looked for",
                f"Move it to {shown(folder)} and give it a number.",
            )


def shown(path: Path) -> str:
    """Spell a path as somebody who stands in the current folder would."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _read(path: Path) -> str:
    content = path.read_bytes()
    bad, what = content.find(b"\0"), "a NUL byte"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        bad, what = exc.start, "not UTF-8"
    if bad >= 0:
        line = content.count(b"\n", 0, bad) + 1
        raise MigrationsInvalid(f"{shown(path)}:{line}: {what}", "Save the file as UTF-8.")
    return text.replace("\r\n", "\n")
