"""Passwords from a file in libpq's format, read again only when it has changed.

The driver reads the file for each connection that it opens: 2 ms for a
thousand lines, in which nobody else is served. It stays the one who knows the
format, and who decides by the server's address: what is found here is what it
would find, whatever the address.
"""
# ruff: noqa: SLF001 - the version is pinned, and `tests/integration/database/test_passfile.py` holds it

import os
from pathlib import Path
from typing import Final

from asyncpg import connect_utils

_ANY: Final = "*"
_FIELDS: Final = 5  # host, port, database, login, password


class Passfile:
    """The passwords of one file, by login."""

    __slots__ = ("_lines", "_path", "_read_as")

    def __init__(self, path: str) -> None:
        self._path: Final = Path(path)
        self._read_as: tuple[int, ...] | None = None
        self._lines: dict[str, list[tuple[str, ...]]] = {}

    def password(self, user: str, database: str) -> str | None:
        """Return a login's password for a database; None where the driver has to look for itself.

        That is where the line depends on the server's address, where no line
        fits, and where the file cannot be used.
        """
        if "PGPASSWORD" in os.environ:  # it goes before any file
            return None
        self._keep_up()
        for host, port, on, _, password in self._lines.get(user, self._lines.get(_ANY, ())):
            if on in {_ANY, database}:
                return password if host == port == _ANY else None
        return None

    def _keep_up(self) -> None:
        try:
            status = self._path.stat()
        except OSError:
            self._read_as, self._lines = None, {}
            return
        read_as = status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
        if read_as == self._read_as:
            return
        # As it was before it is read: what is written meanwhile is another state.
        self._read_as, self._lines = read_as, {}
        lines = connect_utils._read_password_file(self._path)
        if any(len(line) != _FIELDS for line in lines):
            return
        everybodys = self._lines[_ANY] = []
        for line in lines:
            login = line[3]
            if login != _ANY:
                self._lines.setdefault(login, [*everybodys]).append(line)
                continue
            # Of two lines that fit, the first one counts.
            for known in self._lines.values():
                known.append(line)
