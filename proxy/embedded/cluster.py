"""One PostgreSQL server with its data in a folder: made, started, stopped.

What it promises: `start` returns when the server that it started accepts
connections, never because an old file says so; the server ends with us, also
when we are killed; a start after any kind of end works. It listens on a unix
socket in a private folder, on loopback TCP only when asked, and always wants a
password.
"""

import atexit
import contextlib
import fcntl
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from proxy.embedded import postmaster
from proxy.embedded.binaries import OVERRIDE, Binaries
from proxy.embedded.errors import EmbeddedFailed
from proxy.embedded.initdb import SUPERUSER, environment, initialize, password_of
from proxy.embedded.lifeline import die_with_parent
from proxy.embedded.staging import staged
from proxy.embedded.user import credentials, give, reaches, server_user

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30

# For tests, whose data nobody misses after a power cut.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
# A unix socket's path ends at 107 bytes on Linux and at 103 on macOS.
_LONGEST_SOCKET_FOLDER = 80
_SOCKET_PREFIX = "dbp-"


class Cluster:
    """A PostgreSQL server whose data, log and superuser's password lie in `folder`.

    `tcp_port` opens 127.0.0.1 as well (0: any free port). `fast` gives up
    durability for speed. `settings` are further PostgreSQL settings. On Linux
    the server ends when the thread that called `start` does: start it from a
    thread that lives as long as the server should.
    """

    def __init__(
        self,
        folder: Path,
        binaries: Binaries,
        *,
        tcp_port: int | None = None,
        fast: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.superuser = SUPERUSER
        self.password = ""
        self.port = 5432 if tcp_port is None else tcp_port or postmaster.free_port()
        self.socket_folder = Path()
        self._user = server_user()
        self._binaries = binaries
        self._fast = fast
        self._settings = {
            "listen_addresses": "" if tcp_port is None else "127.0.0.1",
            "port": str(self.port),
            **(_FAST if fast else {}),
            **(settings or {}),
        }
        self._server: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._log_starts_at = 0

    @property
    def data(self) -> Path:
        """PostgreSQL's own data folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The file that the server writes its messages to."""
        return self.folder / "server.log"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._server.pid if self._server else None

    def dsn(self, database: str = "postgres", user: str | None = None, password: str | None = None) -> str:
        """Return a connection URL over the unix socket; the superuser's unless `user` is given."""
        name = quote(user or self.superuser, safe="")
        secret = quote(password or "", safe="") if user else self.password
        return f"postgresql://{name}:{secret}@/{quote(database, safe='')}?host={self.socket_folder}&port={self.port}"

    def start(self) -> None:
        """Make the cluster where there is none, start it, and wait until it accepts connections.

        Raises `EmbeddedFailed` when the folder cannot be used, another process
        runs a server in it, or PostgreSQL refuses to start (with its own words).
        """
        if self._server is not None:
            return
        self._prepare_folder()
        self._take_lock()
        try:
            if self._user is not None and self._binaries.packaged:
                self._binaries = staged(self._binaries)
            postmaster.end_leftover(self.data, _SOCKET_PREFIX)
            if not self.data.is_dir():
                initialize(self.folder, self.data, self._binaries, self._user, fast=self._fast)
            self._check_version()
            self.password = password_of(self.folder)
            self._launch()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        atexit.register(self.stop)

    def stop(self) -> None:
        """Stop the server (open connections are ended) and free the folder. Harmless when it does not run."""
        atexit.unregister(self.stop)
        if self._server is not None:
            _end(self._server)
            self._server = None
        if self.socket_folder != Path():
            shutil.rmtree(self.socket_folder, ignore_errors=True)
            self.socket_folder = Path()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def erase(self) -> None:
        """Remove the data and everything else of this cluster. Raises `EmbeddedFailed` while a server runs in it."""
        if not self.folder.exists():
            return
        self._take_lock()
        try:
            postmaster.end_leftover(self.data, _SOCKET_PREFIX)
            shutil.rmtree(self.folder)
        finally:
            self.stop()

    def __enter__(self) -> Self:
        """Start, and hand out the running cluster."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, whatever happened."""
        self.stop()

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._user is None:
            return
        # The server's user passes through to its own data, and reads nothing else.
        self.folder.chmod(0o711)
        if not reaches(self._user, self.folder):
            raise EmbeddedFailed(
                f"the user {self._user.name}, whom PostgreSQL runs as, cannot enter {self.folder}",
                "choose a folder that every user may pass through, such as one below the temp folder",
            )

    def _take_lock(self) -> None:
        """Hold the folder as long as we live: the kernel lets go of it however we end."""
        lock = (self.folder / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise EmbeddedFailed(
                f"another process runs a PostgreSQL in {self.folder}", "stop that one, or use another folder"
            ) from None
        self._lock = lock

    def _check_version(self) -> None:
        """Refuse data of another major version: which programs are found may have changed since."""
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != str(self._binaries.major):
            raise EmbeddedFailed(
                f"the data in {self.folder} is PostgreSQL {made_by}'s, and the programs in {self._binaries.folder} "
                f"are PostgreSQL {self._binaries.major}",
                f"use those of PostgreSQL {made_by} ({OVERRIDE}), or remove the data",
            )

    def _launch(self) -> None:
        self.socket_folder = _socket_folder()
        give(self.socket_folder, self._user)
        self._settings["unix_socket_directories"] = str(self.socket_folder)
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        with self.log.open("ab") as log:
            self._log_starts_at = log.tell()
            self._server = subprocess.Popen(  # noqa: S603 - our own program and arguments
                [self._binaries.program("postgres"), "-D", str(self.data), *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment(),
                # Ctrl-C in a terminal reaches us, and we stop the server last.
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - one prepared system call, safe between fork and exec
                **credentials(self._user),
            )

    def _wait_until_ready(self) -> None:
        assert self._server is not None  # noqa: S101 - called by `start` alone
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._server.poll() is not None:
                raise EmbeddedFailed(f"PostgreSQL did not start in {self.folder}: {self._last_words()}")
            if postmaster.is_ready(self.data, self._server.pid):
                return
            time.sleep(0.02)
        raise EmbeddedFailed(f"PostgreSQL was not ready after {START_TIMEOUT_S} s: {self._last_words()}")

    def _last_words(self) -> str:
        return self.log.read_bytes()[self._log_starts_at :][-1000:].decode(errors="replace").strip()


def _end(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown, then immediate, then none of its own."""
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            server.send_signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_TIMEOUT_S)
            return


def _socket_folder() -> Path:
    temp = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX, dir=temp if len(temp) < _LONGEST_SOCKET_FOLDER else "/tmp"))  # noqa: S108 - mkdtemp is private
