"""Which policy files of a folder are new, changed or gone: asked each second, at a cost that does not grow with them.

A look lists the folder where its own time stamp moved: that shows new files,
files that are gone, and those that were put in the place of others, as most
editors and all deployments do. A file that was written over in place shows in
its own stamp alone, and of those a look takes so many at a time: a folder
with no more than that is looked at whole, each time.
"""

import math
import os
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from time import monotonic
from typing import Final

FILES_AT_ONCE: Final = 1_000
# A second change may hide in the tick of a file system's clock that has stamped the first one already.
_LISTED_AGAIN_AFTER_S: Final = 3.0

Stamp = tuple[int, int, int]


class PolicyFiles:
    """The policy files of a folder, as of the last look."""

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        self._names: tuple[str, ...] = ()
        self._inodes: dict[str, int] = {}
        self._stamps: dict[str, Stamp] = {}
        self._folder_stamp: tuple[int, int] | None = None
        self._list_again_at = 0.0
        self._next = 0
        # Whether the last look listed the folder, and whether there are files that have not had their turn.
        self.listed = False
        self.half_way = False

    @property
    def names(self) -> AbstractSet[str]:
        """The files' names."""
        return self._inodes.keys()

    def begin_anew(self) -> None:
        """List the folder at the next look, and have all files take their turn from there on."""
        self._folder_stamp, self._next, self.half_way = None, 0, True

    def look(self) -> list[Path]:
        """Return what is new or changed, sorted. Raises OSError."""
        suspects = self._list()
        if not self.listed or len(self._names) <= FILES_AT_ONCE:
            suspects = sorted({*suspects, *self._names[self._next : self._next + FILES_AT_ONCE]})
            self._next += FILES_AT_ONCE
            if self._next >= len(self._names):
                self._next, self.half_way = 0, False
        return [self._folder / name for name in suspects if self._has_changed(name)]

    def _list(self) -> list[str]:
        """List the folder if need be; return the names behind which another file may be now, sorted, or the first."""
        status, now = self._folder.stat(), monotonic()
        stamp = (status.st_mtime_ns, status.st_ino)
        moved = stamp != self._folder_stamp
        self.listed = moved or now >= self._list_again_at or len(self._names) <= FILES_AT_ONCE
        if not self.listed:
            return []
        links: list[str] = []
        with os.scandir(self._folder) as entries:
            inodes = dict(_policies(entries, links))
        others = [name for name, inode in inodes.items() if self._inodes.get(name) != inode]
        for gone in self._inodes.keys() - inodes.keys():
            self._stamps.pop(gone, None)
        if others or len(inodes) != len(self._names):
            self._names = tuple(sorted(inodes))
        self._inodes, self._folder_stamp = inodes, stamp
        self._list_again_at = now + _LISTED_AGAIN_AFTER_S if moved else math.inf
        return sorted({*others, *links})[:FILES_AT_ONCE]

    def _has_changed(self, name: str) -> bool:
        try:
            status = os.stat(f"{self._folder}/{name}")  # noqa: PTH116 - a Path takes twice the time, and there are many
        except OSError:
            return False  # it went just now: the next list shows it
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        known = self._stamps.get(name)
        self._stamps[name] = stamp
        return known != stamp


def _policies(entries: Iterable[os.DirEntry[str]], links: list[str]) -> Iterator[tuple[str, int]]:
    """Yield the names that count, with their inodes; note those that are links, behind which a file may change."""
    for entry in entries:
        if entry.name.endswith((".yaml", ".yml")) and not entry.name.startswith(".") and entry.is_file():
            if entry.is_symlink():
                links.append(entry.name)
            yield entry.name, entry.inode()
