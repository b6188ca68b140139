"""Where the demo keeps what outlives it: `.demo/` in the checkout, or below the temp folder.

Root's PostgreSQL runs as another user, who may have no way into the checkout
(one in `/root`, say); a checkout may also be read-only. Then the folder lies
below the temp folder, under a name made of the checkout's path, so that the
next start finds its data.
"""

import os
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from proxy.cli.console import CommandFailed
from proxy.embedded import private_folder, reaches, server_user

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Home:
    """The folder and the files in it."""

    folder: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's folder."""
        return self.folder / "postgresql"

    @property
    def log(self) -> Path:
        """What the gateway writes to its standard output and error."""
        return self.folder / "gateway.log"

    @property
    def passfile(self) -> Path:
        """Passwords of the logins, in libpq's format; made anew at each start."""
        return self.folder / "passfile"

    @property
    def jwt_secret(self) -> Path:
        """The secret of the demo's tokens; kept, so that a token outlives a restart."""
        return self.folder / "jwt-secret"

    @property
    def policies(self) -> Path:
        """The folder of the demo's one policy: a link to the checkout's, so that an edit is in force at once."""
        return self.folder / "policies"

    def serve_policy(self, file: Path) -> None:
        """Have the gateway serve this policy and no other."""
        self.policies.mkdir(exist_ok=True)
        for old in self.policies.iterdir():
            old.unlink()
        (self.policies / file.name).symlink_to(file)

    def write_private(self, path: Path, text: str) -> None:
        """Write a file that only its owner may read."""
        unfinished = path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        unfinished.replace(path)


def open_home() -> Home:
    """Return the demo's folder, made if need be. Raises `CommandFailed` where it cannot be used."""
    for needed in ("migrations", "policies"):
        if not (CHECKOUT / needed).is_dir():
            raise CommandFailed(f"the demo needs a checkout: there is no folder {CHECKOUT / needed}", "run ./run demo")
    folder = _folder()
    try:
        folder.mkdir(exist_ok=True)
        if server_user() is not None:
            folder.chmod(0o711)  # the server's user passes through to its own data, whatever root's umask is
        home = Home(folder)
        if not home.jwt_secret.exists():
            home.write_private(home.jwt_secret, secrets.token_urlsafe(48))
    except PermissionError as exc:
        owner = folder.stat().st_uid if folder.exists() else "another user"
        raise CommandFailed(
            f"{folder} cannot be written: it belongs to user {owner}", "remove it as that user, then start again"
        ) from exc
    return home


def _folder() -> Path:
    inside = CHECKOUT / ".demo"
    if inside.is_dir() or (os.access(CHECKOUT, os.W_OK) and reaches(server_user(), CHECKOUT)):
        return inside
    return private_folder() / f"demo-{sha256(str(CHECKOUT).encode()).hexdigest()[:12]}"
