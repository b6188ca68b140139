"""Making a cluster's data folder, whole or not at all, and the superuser's password with it."""

import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from proxy.embedded.binaries import Binaries
from proxy.embedded.errors import EmbeddedFailed
from proxy.embedded.user import ServerUser, credentials, give

SUPERUSER = "postgres"


def initialize(folder: Path, data: Path, binaries: Binaries, user: ServerUser | None, *, fast: bool) -> None:
    """Run `initdb` for `data` in the cluster's `folder`; it gets its name when it is whole.

    `fast` does without waiting for the disk. Raises `EmbeddedFailed` with initdb's own words.
    """
    unfinished = folder / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    give(unfinished, user)
    password = secrets.token_urlsafe(24)
    _write_private(folder / "password", password)
    # initdb runs as the server's user, who may not read ours: it gets one of its own for a moment.
    password_file = folder / "password.initdb"
    _write_private(password_file, password)
    give(password_file, user)
    try:
        _initdb(unfinished, password_file, binaries, user, ["--no-sync"] if fast else [])
    finally:
        password_file.unlink()
    unfinished.rename(data)


def password_of(folder: Path) -> str:
    """Return the superuser's password of the cluster in `folder`."""
    return (folder / "password").read_text()


def environment() -> dict[str, str]:
    """Return what the server's programs need, without the caller's PG* variables and secrets."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ")
    return {"LC_ALL": "C", **{name: os.environ[name] for name in kept if name in os.environ}}


def _initdb(data: Path, password_file: Path, binaries: Binaries, user: ServerUser | None, options: list[str]) -> None:
    command = [
        *(binaries.program("initdb"), "-D", str(data), "-U", SUPERUSER, f"--pwfile={password_file}"),
        *("--encoding=UTF8", "--locale=C", *_locale(binaries), "--auth=scram-sha-256", "--no-instructions", *options),
    ]
    done = subprocess.run(  # noqa: S603 - our own program and arguments
        command, capture_output=True, text=True, check=False, cwd="/", env=environment(), **credentials(user)
    )
    if done.returncode != 0:
        raise EmbeddedFailed(f"initdb failed in {data}: {(done.stderr or done.stdout).strip()[-1000:]}")


def _locale(binaries: Binaries) -> list[str]:
    """PostgreSQL 17 brings a C.UTF-8 of its own; before, it is the system's, which Linux has."""
    if binaries.major >= 17:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--lc-ctype=C.UTF-8"] if sys.platform == "linux" else []


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
