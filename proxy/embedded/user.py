"""The system user that a server runs as: PostgreSQL refuses root.

Root drops to `postgres` where that user exists, else to `nobody`. Anyone else
runs the server as themselves.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from proxy.embedded.errors import EmbeddedFailed

_CANDIDATES = ("postgres", "nobody")


class Credentials(TypedDict, total=False):
    """The keywords of `subprocess` that make a child run as another user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The user and group that a server's processes have and its files belong to."""

    name: str
    uid: int
    gid: int


def server_user() -> ServerUser | None:
    """Return whom root drops to, or None where we are not root."""
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedFailed(
        "PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody",
        "add one of them, or start as an ordinary user",
    )


def credentials(user: ServerUser | None) -> Credentials:
    """Return the `subprocess` keywords that start a child as `user`."""
    return Credentials(user=user.uid, group=user.gid, extra_groups=[]) if user else Credentials()


def reaches(user: ServerUser | None, folder: Path) -> bool:
    """Tell whether the server's user can enter `folder`: asked of the kernel, so that ACLs count."""
    if user is None:
        return os.access(folder, os.X_OK)
    command = ("/bin/sh", "-c", 'cd -- "$1" 2>/dev/null', "sh", str(folder))
    return subprocess.run(command, check=False, cwd="/", **credentials(user)).returncode == 0  # noqa: S603


def give(path: Path, user: ServerUser | None) -> None:
    """Make a file or folder belong to the server's user."""
    if user is not None:
        os.chown(path, user.uid, user.gid)
