"""Where the servers of a run have their data: in memory where there is room, else in the temp folder.

A database for each test is 300 files, made and removed again: on a disk this is most of what PostgreSQL does in the
tests, above all on an ext4 without a journal, which looks at each removed file before it gives its place to a new one.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - Linux's file system in memory; elsewhere there is none
# The servers of one process take up to 0.4 GB, and there are four processes at most.
ROOM_BYTES = 2 << 30

_PREFIX = "dbp-tests-data-"
_LEFT_AFTER_S = 60.0


@contextmanager
def server_folder() -> Iterator[Path]:
    """Give a folder that a server's user can pass through; if we are killed, the next run takes it away."""
    parent = MEMORY if _has_room(MEMORY) else Path(tempfile.gettempdir())
    _clear_away(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    folder.chmod(0o711)
    held = _hold(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _has_room(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= ROOM_BYTES


def _clear_away(parent: Path) -> None:
    """Remove the folders that nobody holds; a new one may be about to be held."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody holds it, or it is another user's
            if time.time() - folder.stat().st_mtime > _LEFT_AFTER_S:
                held = _hold(folder)
                shutil.rmtree(folder, ignore_errors=True)
                os.close(held)


def _hold(folder: Path) -> int:
    """Lock a folder until the descriptor that is returned is closed, by the kernel if need be. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
