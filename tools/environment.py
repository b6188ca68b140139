"""The checkout's virtual environment: made when it is missing or stale, else left alone.

Runs on any Python 3.11 or newer, with nothing installed. What it promises: an
interrupted set-up never looks ready, because the stamp is written last; two at
once take turns; what is installed has the hashes of `requirements.lock`.
"""

import fcntl
import hashlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from proxy.progress import Progress  # ./run puts the checkout on the path

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = CHECKOUT / "requirements.lock"

_STAMP = VENV / "stamp"
_LOG = VENV / "install.log"
# Where pip must not put things, and what must not change which Python runs.
_MISLEADING = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PYTHONHOME", "PYTHONPATH")


class SetupFailed(Exception):  # noqa: N818 - reads as what happened
    """The environment could not be made; the message says what to do."""


def ensure() -> None:
    """Make `.venv` what the lock says, unless it already is. Raises `SetupFailed`."""
    if is_ready():
        return
    _check_writable()
    with _turn() as turn:
        if not is_ready():  # another process may have made it while we waited
            _make(turn)


def is_ready() -> bool:
    """Tell whether `.venv` is whole, of this lock, this Python and this place."""
    try:
        return PYTHON.exists() and _STAMP.read_text() == _expected_stamp()
    except OSError:
        return False


def environment() -> dict[str, str]:
    """Return the environment for commands of the checkout: its packages first, nobody else's."""
    kept = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    path = f"{VENV / 'bin'}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, "PYTHONPATH": str(CHECKOUT), "VIRTUAL_ENV": str(VENV), "PATH": path}


def _expected_stamp() -> str:
    """Scripts in a venv name their own place: a copied checkout needs one of its own."""
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    return f"{lock} python{sys.version_info[0]}.{sys.version_info[1]} {VENV}\n"


def _check_writable() -> None:
    for path in (VENV, CHECKOUT):
        if path.exists() and not os.access(path, os.W_OK):
            raise SetupFailed(
                f"{_user(os.geteuid())} cannot write to {path}, which belongs to {_user(path.stat().st_uid)}: "
                "start as that user, or clone the checkout to a folder of your own"
            )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


@contextmanager
def _turn() -> Iterator[int]:
    """Hold the checkout while setting up; the kernel lets go of it if we are killed. Yields what holds it."""
    folder = os.open(CHECKOUT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with Progress("Waiting for another ./run to finish its set-up"):
                fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(folder)


def _make(turn: int) -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    with Progress(f"Making .venv with Python {version}"):
        shutil.rmtree(VENV, ignore_errors=True)
        venv.create(VENV, symlinks=True)
        _python("-m", "ensurepip", "--default-pip", turn=turn)
        # Nothing in it is worth a commit, also for who keeps it out of no list.
        (VENV / ".gitignore").write_text("*\n")
    _renew_pip(turn)
    packages = len(re.findall(r"^\S+==", LOCK.read_text(), re.MULTILINE))
    with Progress("Installing packages") as progress:
        _pip("--require-hashes", "-r", str(LOCK), turn=turn, progress=progress, total=packages)
    unfinished = _STAMP.with_suffix(".unfinished")
    unfinished.write_text(_expected_stamp())
    unfinished.replace(_STAMP)


def _renew_pip(turn: int) -> None:
    """Get pip 23 or newer: older ones read the lock's hashes and markers less well."""
    asked = subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"pip (\d+)", asked.stdout)
    if not found or int(found[1]) < 23:
        with Progress("Renewing pip") as progress:
            _pip("--upgrade", "pip>=23", turn=turn, progress=progress)


def _pip(*arguments: str, turn: int, progress: Progress, total: int = 1) -> None:
    """Run `pip install`."""
    # pip's own cache lies in the home folder, which is not ours to fill.
    cache = [] if "PIP_CACHE_DIR" in os.environ else ["--no-cache-dir"]
    options = ("--no-input", "--disable-pip-version-check", "--progress-bar=off", *cache)
    collected = 0

    def count(line: str) -> None:
        nonlocal collected
        collected += line.startswith("Collecting ")
        progress.say(f"{collected} of up to {total}")

    _python("-m", "pip", "install", *options, *arguments, turn=turn, each_line=count)


def _python(*arguments: str, turn: int, each_line: Callable[[str], None] = lambda _line: None) -> None:
    """Run the environment's Python; what it prints goes to a log, and is shown only when it fails.

    It holds the turn too: one that outlives us keeps the next set-up waiting,
    instead of sharing its folder.
    """
    with (
        _LOG.open("a") as log,
        subprocess.Popen(
            [PYTHON, *arguments],
            env={**environment(), "PIP_USER": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=[turn],
        ) as process,
    ):
        for line in process.stdout or ():
            log.write(line)
            each_line(line)
    if process.returncode != 0:
        raise SetupFailed(f"could not set up {VENV}:\n{_last_lines(_LOG)}\nAll of it: {_LOG}")


def _last_lines(file: Path, count: int = 15) -> str:
    return "\n".join(f"  {line}" for line in file.read_text().splitlines()[-count:])
