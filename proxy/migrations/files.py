"""Migration files as values: which there are, in which order, and what identifies their text.

A folder holds `NNN_description.sql`. Gaps in the numbers are fine; two files
of one number are not, since nothing would say which comes first. Files of
another kind (notes, an editor's leavings) are not looked at. Pure, but for
`load_folder`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"([0-9]+)_(.+)\.sql")


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
    """One migration file; `path` is what messages call it."""

    version: int
    name: str
    path: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text in hex. How a checkout ends its lines does not change it."""
        return sha256(self.text.replace("\r\n", "\n").encode()).hexdigest()


def order(listing: Iterable[str], folder: str = ".") -> tuple[FileName, ...]:
    """Return the migration files of a folder's listing in the order of their numbers.

    `folder` is what messages call it. Raises `MigrationsInvalid` for an SQL
    file without a number, and for two of one number.
    """
    found = [_parse(file, folder) for file in listing if file.endswith(".sql") and not file.startswith(".")]
    names = sorted(found, key=lambda name: (name.version, name.file))
    for one, other in pairwise(names):
        if one.version == other.version:
            raise MigrationsInvalid(
                f"{folder}: two files have number {one.version:03d}, {one.file} and {other.file}",
                "Renumber the one that has not been applied anywhere yet.",
            )
    return tuple(names)


def _parse(file: str, folder: str) -> FileName:
    match = _NAME.fullmatch(file)
    if match is None:
        raise MigrationsInvalid(
            f"{folder}: {file} has no number",
            "Name it NNN_description.sql (010_add_user_preferences.sql), or keep it in another folder.",
        )
    return FileName(int(match[1]), match[2], file)


def load_folder(folder: Path) -> tuple[Migration, ...]:
    """Read the migrations of one folder, in order. Raises `MigrationsInvalid`; `OSError` where it cannot be read."""
    listing = [entry.name for entry in folder.iterdir() if entry.is_file()]
    return tuple(
        Migration(name.version, name.description, _shown(folder / name.file), _read(folder / name.file))
        for name in order(listing, _shown(folder))
    )


def _shown(path: Path) -> str:
    """Spell a path as somebody who stands in the current folder would."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = path.read_bytes().count(b"\n", 0, exc.start) + 1
        raise MigrationsInvalid(f"{_shown(path)}:{line}: not UTF-8", "Save the file as UTF-8.") from exc
