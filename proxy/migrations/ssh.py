"""PostgreSQL of another machine, through the system's own ssh: its config, its agent, its known hosts.

ssh forwards a socket in a private folder to the server's PostgreSQL. It never
asks anything (BatchMode), and a link that has died is noticed within 15 s. It
ends with us, also when we are killed: a shell beside it sees our end of a pipe
close.
"""

import asyncio
import os
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from proxy.errors import Refusal

POSTGRES: Final = "/var/run/postgresql/.s.PGSQL.5432"

_START_TIMEOUT_S: Final = 30.0
_LAST_WORDS_TIMEOUT_S: Final = 1.0
_END_TIMEOUT_S: Final = 5.0
# A unix socket's path ends at 107 bytes on Linux and at 103 on macOS.
_LONGEST_SOCKET_FOLDER: Final = 80
_SOCKET: Final = ".s.PGSQL.5432"
# A connection of our own: one that is shared (ControlMaster) would keep the socket after us.
_OPTIONS: Final = {
    "BatchMode": "yes",
    "ExitOnForwardFailure": "yes",
    "ConnectTimeout": "10",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    "ControlMaster": "no",
    "ControlPath": "none",
    "StreamLocalBindMask": "0177",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "LogLevel": "INFO",
}
# Runs its arguments until they end, or until its standard input does; then removes the folder that it is given first.
_UNTIL_EOF: Final = """
folder=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
link=$!
{ read -r _ <&3; kill "$link"; } 2>/dev/null &
watch=$!
wait "$link"
status=$?
kill "$watch" 2>/dev/null
rm -rf -- "$folder"
exit "$status"
"""
_HINTS: Final = {
    "Host key verification failed": "Log in once by hand (ssh {host}) and compare the key's fingerprint with the "
    "server's own; a key that has changed may be another machine's.",
    "Permission denied": "ssh has to log in without asking: load your key into the agent (ssh-add), or name it in the "
    "config. The user is that of {host}.",
    "Connection refused": "Is sshd running there, on that port? Another port goes into the config, or "
    "ssh://user@host:port.",
    "Could not resolve hostname": "Check the name; a nickname has to be in the ssh config.",
    "ssh: not found": "Install the OpenSSH client.",
    "remote port forwarding failed": "The server's sshd forbids it.",
}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where ssh logs in (`user@host`, a nickname, `ssh://…`), and where PostgreSQL is as seen from there.

    `postgres` is a socket's path or `host:port`; `config` another file than the user's own.
    """

    host: str
    postgres: str = POSTGRES
    config: Path | None = None

    def command(self, *words: str) -> list[str]:
        """Return an ssh command line with this destination."""
        config = ["-F", str(self.config)] if self.config else []
        return ["ssh", *config, *words, "--", self.host]


class Link:
    """An ssh that forwards; `url` is PostgreSQL's, as seen from here."""

    def __init__(self, destination: Destination, process: Process, url: str) -> None:
        self.url: Final = url
        self._destination: Final = destination
        self._process: Final = process
        self._told = ""
        self._reader: Final = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it is a pipe
        async for line in self._process.stderr:
            self._told += line.decode(errors="replace")

    async def ready(self, socket: Path) -> None:
        """Wait until something listens on the socket. Raises `Refusal` where ssh ends instead, or takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_TIMEOUT_S):
                while self._process.returncode is None:
                    if await _listens(socket):
                        return
                    await asyncio.sleep(0.02)
        await self._process_or_timeout()
        raise self._refusal()

    async def last_words(self) -> str | None:
        """Return what ssh has said of a connection that broke off, or that it has ended; None where it is well."""
        await self._process_or_timeout()
        words = self._words() or ("the link has ended" if self._process.returncode is not None else None)
        return f"ssh {self._destination.host}: {words}" if words else None

    async def end(self) -> None:
        """End ssh, and with it every connection through it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _END_TIMEOUT_S)
        except TimeoutError:
            self._process.kill()
        self._reader.cancel()

    async def _process_or_timeout(self) -> None:
        """Give ssh a moment for what it has to say."""
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._reader), _LAST_WORDS_TIMEOUT_S)

    def _words(self) -> str:
        told = [line.strip() for line in self._told.splitlines() if line.strip(" @\r")]
        return "; ".join(line for line in told if not line.startswith(("Warning: Permanently added", "WARNING: This")))

    def _refusal(self) -> Refusal:
        words, host = self._words(), self._destination.host
        known = (hint.format(host=host) for sign, hint in _HINTS.items() if sign in words)
        return Refusal(
            error="database-unavailable",
            message=f"ssh {host}: {words or f'no link within {_START_TIMEOUT_S:.0f} s'}",
            hint=next(known, f"Try  ssh -o BatchMode=yes {host} true  by hand."),
        )


@asynccontextmanager
async def linked(destination: Destination, url: str | None, environ: Mapping[str, str]) -> AsyncIterator[Link]:
    """Hold a link whose `url` is the given one's login and settings, at the other end's PostgreSQL.

    Who is logged in to PostgreSQL where neither `url` nor PGUSER says is the
    user of ssh. Raises `Refusal` (`database-unavailable`).
    """
    folder = _private_folder()
    socket = folder / _SOCKET
    options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
    words = ("-N", "-T", "-a", "-x", *options, "-L", f"{socket}:{destination.postgres}")
    try:
        through = _through(url, folder, environ.get("PGUSER") or await _login(destination))
        # Its own session: Ctrl-C is for us, who end it afterwards.
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", _UNTIL_EOF, "sh", str(folder), *destination.command(*words)),
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=PIPE,
            start_new_session=True,
        )
        link = Link(destination, process, through)
        try:
            await link.ready(socket)
            yield link
        finally:
            await link.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _private_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dbp-"))
    if len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="dbp-", dir="/tmp"))


async def _listens(socket: Path) -> bool:
    """Knock: a file alone does not say that ssh listens already. PostgreSQL does not mind."""
    try:
        _, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


async def _login(destination: Destination) -> str | None:
    """Return the user that ssh would log in as, by its own reading of its config."""
    try:
        asked = await asyncio.create_subprocess_exec(
            *destination.command("-G"), stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
        )
    except FileNotFoundError:
        return None
    told, _ = await asked.communicate()
    users = [line.removeprefix("user ") for line in told.decode().splitlines() if line.startswith("user ")]
    return users[0] if users else None


def _through(url: str | None, folder: Path, login: str | None) -> str:
    """Return a URL with another's login and settings, and the socket in the folder as its place."""
    parts = urlsplit(url or "postgresql://")
    user = unquote(parts.username) if parts.username else login
    secret = f":{quote(unquote(parts.password), safe='')}" if parts.password else ""
    kept = {name: value for name, value in parse_qsl(parts.query) if name not in {"host", "port", "user"}}
    place = urlencode({**kept, "host": str(folder), "port": "5432"})
    return f"postgresql://{quote(user, safe='') + secret + '@' if user else ''}/?{place}"
