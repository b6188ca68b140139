"""A real sshd on loopback: the installed one, or Debian's from its archive, unpacked for the run and not installed.

It runs as the user that PostgreSQL runs as, who is also the only one that may
log in. Each connection gets an `sshd -i` of its own, so that a test can cut it.
"""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from proxy.embedded.user import credentials, give, server_user

HELP = "there is no sshd: install OpenSSH's server (Debian: openssh-server), or let apt-get reach Debian's archive"
CONFIG = """
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
UsePAM no
StrictModes no
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
"""


class Program(NamedTuple):
    """Where sshd is, and the folders of libraries that only it needs."""

    path: str
    libraries: str = ""


@cache
def find_sshd(folder: Path) -> Program:
    """Return the installed sshd, or unpack Debian's into the folder. Skips the test where there is neither."""
    installed = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/usr/lib/ssh")
    if installed:
        return Program(installed)
    if shutil.which("apt-get") is None or not _download(folder):
        pytest.skip(HELP)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    libraries = {str(found.parent) for found in folder.glob("usr/lib/**/lib*.so.*")}
    return Program(str(folder / "usr/sbin/sshd"), ":".join(libraries))


def _download(folder: Path) -> bool:
    """Fetch the packages; with a list of our own where the machine's is missing. Nothing of the machine changes."""
    own = [f"-oDir::State::lists={folder}/lists", f"-oDir::Cache={folder}/cache", "-oAPT::Sandbox::User="]
    packages = ("openssh-server", "libwrap0")
    for options in ([], own):
        if options and subprocess.run(["apt-get", *options, "-qq", "update"], check=False).returncode != 0:
            return False
        done = subprocess.run(["apt-get", *options, "-qq", "download", *packages], cwd=folder, check=False)
        if done.returncode == 0:
            return True
    return False


class Sshd:
    """Listens on `port`; `user` may log in with `config`, an ssh config that knows the host's key as `db`."""

    def __init__(self, program: Program, folder: Path, extra: str = "") -> None:
        self._program = program
        self._folder = folder
        self._runs_as = server_user()
        self.user = self._runs_as.name if self._runs_as else getpass.getuser()
        self.connections: list[subprocess.Popen[bytes]] = []
        self.said = folder / "sshd.log"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._write_files(extra)
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _write_files(self, extra: str) -> None:
        for name in ("host_key", "user_key"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self._folder / name)]
            subprocess.run(words, check=True)
        shutil.copy(self._folder / "user_key.pub", self._folder / "authorized_keys")
        (self._folder / "sshd_config").write_text(CONFIG.format(folder=self._folder) + extra)
        for name in ("host_key", "authorized_keys", "sshd_config"):
            give(self._folder / name, self._runs_as)
        (self._folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {self.host_key}\n")
        self.config.write_text(
            f"Host db\n  HostName 127.0.0.1\n  Port {self.port}\n  User {self.user}\n"
            f"  IdentityFile {self._folder}/user_key\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self._folder}/known_hosts\n  GlobalKnownHostsFile /dev/null\n"
        )

    @property
    def config(self) -> Path:
        """The client's config."""
        return self._folder / "ssh_config"

    @property
    def temporary(self) -> Path:
        """A folder for the client's temporary files, short enough for a socket's path."""
        return self._folder

    @property
    def known_hosts(self) -> Path:
        """What the client knows of hosts."""
        return self._folder / "known_hosts"

    @property
    def host_key(self) -> str:
        """The host's public key."""
        return (self._folder / "host_key.pub").read_text().rsplit(" ", 1)[0]

    def _accept(self) -> None:
        command = [self._program.path, "-i", "-e", "-f", str(self._folder / "sshd_config")]
        environment = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": self._program.libraries}
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, self.said.open("ab") as said:
                self.connections.append(
                    subprocess.Popen(
                        command,
                        stdin=connection,
                        stdout=connection,
                        stderr=said,
                        env=environment,
                        start_new_session=True,
                        **credentials(self._runs_as),
                    )
                )

    def stop_listening(self) -> None:
        """Refuse connections from now on."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def cut(self) -> None:
        """End every connection at once."""
        for process in self.connections:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()


@contextmanager
def running_sshd(program: Program, extra: str = "") -> Iterator[Sshd]:
    """Run an sshd; `extra` is more of its config."""
    folder = Path(tempfile.mkdtemp(prefix="dbp-sshd-"))
    folder.chmod(0o711)
    sshd = Sshd(program, folder, extra)
    try:
        yield sshd
    finally:
        sshd.stop_listening()
        sshd.cut()
        shutil.rmtree(folder)
