"""`./run` from outside: what it asks of a machine, and when it sets itself up."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
# What the door needs of a checkout.
DOOR = ("run", "tools", "pyproject.toml", "requirements.lock", "proxy/__init__.py", "proxy/progress.py")
# Programs that sh itself does not bring.
TOOLS = ("sh", "dirname", "env", "sleep")
BASE_PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info[1]}"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def checkout() -> Iterator[Path]:
    """Make a checkout of the door alone, whose lock holds one small package, so that it is set up in seconds."""
    folder = Path(tempfile.mkdtemp(prefix="dbp-tests-"))
    for name in DOOR:
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        copy: Callable[..., object] = shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy
        copy(CHECKOUT / name, target)
    lock = folder / "requirements.lock"
    lock.write_text(_entry(lock.read_text(), "iniconfig"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """Make a PATH that has the least of programs and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name) or name)
    _script(folder / "id", "echo 1000")
    return folder


def _entry(lock: str, package: str) -> str:
    """Return a package's lines of a lock file."""
    lines = iter(lock.splitlines(keepends=True))
    entry = [next(line for line in lines if line.startswith(f"{package}=="))]
    while entry[-1].rstrip().endswith("\\"):
        entry.append(next(lines))
    return "".join(entry)


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def _run(checkout: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "run", *arguments], capture_output=True, text=True, check=False, timeout=240, **options
    )


def _without_python(bare_path: Path) -> dict[str, str]:
    return {"PATH": str(bare_path), "HOME": "/nonexistent"}


def test_a_second_start_takes_under_a_second(checkout: Path, tmp_path: Path) -> None:
    """The first makes the environment; the second has nothing to do but the command, whose exit status it has."""
    first = _run(checkout, "python", "-c", "import iniconfig; print('there')", cwd=tmp_path)
    assert (first.returncode, first.stdout) == (0, "there\n")
    started = time.monotonic()
    second = _run(checkout, "python", "-c", "import os; print(os.getcwd()); raise SystemExit(7)", cwd=tmp_path)
    assert time.monotonic() - started < 1
    assert (second.returncode, second.stdout, second.stderr) == (7, f"{tmp_path}\n", "")


def test_a_changed_lock_makes_the_environment_anew(checkout: Path) -> None:
    """What an older lock installed is gone."""
    assert _run(checkout, "python", "-V").returncode == 0
    (checkout / ".venv" / "of-the-old-lock").touch()
    (checkout / "requirements.lock").write_text(_entry((CHECKOUT / "requirements.lock").read_text(), "packaging"))
    assert _run(checkout, "python", "-c", "import packaging").returncode == 0
    assert _run(checkout, "python", "-c", "import iniconfig").returncode == 1
    assert not (checkout / ".venv" / "of-the-old-lock").exists()


def test_a_moved_checkout_makes_its_own_environment(checkout: Path) -> None:
    """Scripts of an environment name its folder: one that was copied along is not used."""
    assert _run(checkout, "python", "-V").returncode == 0
    copy = checkout / "copy"
    shutil.copytree(checkout, copy, symlinks=True)
    prefix = _run(copy, "python", "-c", "import sys; print(sys.prefix)").stdout.strip()
    assert prefix == str(copy / ".venv")
    assert str(copy) in (copy / ".venv" / "stamp").read_text()


def test_a_wrong_hash_is_not_installed(checkout: Path) -> None:
    """A package that is not the locked one stops the set-up, which then does not look ready."""
    lock = checkout / "requirements.lock"
    lock.write_text(re.sub(r"sha256:\w+", f"sha256:{'0' * 64}", lock.read_text()))
    refused = _run(checkout, "python", "-V")
    assert refused.returncode == 2
    assert "HASHES" in refused.stderr.upper()
    assert not (checkout / ".venv" / "stamp").exists()


def test_an_interrupted_set_up_does_not_look_ready(checkout: Path) -> None:
    """Killed half-way, the next start begins anew."""
    with subprocess.Popen([checkout / "run", "python", "-V"], stderr=subprocess.DEVNULL) as first:
        while not (checkout / ".venv" / "bin" / "python").exists():
            time.sleep(0.01)
        first.send_signal(signal.SIGKILL)
    assert not (checkout / ".venv" / "stamp").exists()
    assert _run(checkout, "python", "-c", "import iniconfig").returncode == 0


def test_two_at_once_take_turns(checkout: Path) -> None:
    """Both start, and find one whole environment."""
    command = [checkout / "run", "python", "-c", "import iniconfig"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=240)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("Making .venv" in error for error in errors) <= 1


def test_no_python_is_one_clear_line(checkout: Path, bare_path: Path) -> None:
    """Without a Python and without a way to one: exit status 2, and what to install."""
    refused = _run(checkout, "python", "-V", env=_without_python(bare_path))
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "Python 3.11 or newer" in refused.stderr


def test_a_python_too_old_is_passed_over(checkout: Path, bare_path: Path) -> None:
    """A `python3` that says no is not the end of the search."""
    _script(bare_path / "python3.14", "exit 127")
    (bare_path / "python3").symlink_to(BASE_PYTHON)
    assert _run(checkout, "--help", env=_without_python(bare_path)).returncode == 0


@pytest.mark.parametrize(
    ("builds", "chosen"),
    [(("plain", "optimised"), 1), (("plain", "plain"), 0), (("optimised", "optimised"), 0), (("", "plain"), 1)],
)
def test_an_optimised_python_is_preferred(
    checkout: Path, bare_path: Path, builds: tuple[str, str], chosen: int
) -> None:
    """Of those that can make an environment, the first that was built so, also behind another; else the first."""
    for name, build in zip(("python3.14", "python3.11"), builds, strict=True):
        asked = f'case "$*" in *python_build.py) echo {build} ;;'
        _script(bare_path / name, f'{asked} *) echo {name} starts >&2; exec {BASE_PYTHON} "$@" ;; esac')
    shown = _run(checkout, "--help", env=_without_python(bare_path))
    assert (shown.returncode, shown.stderr) == (0, f"{('python3.14', 'python3.11')[chosen]} starts\n")


def test_uv_is_asked_for_a_python(checkout: Path, bare_path: Path) -> None:
    """Where there is only uv, it puts a Python into the checkout and nowhere else."""
    _script(
        bare_path / "uv",
        f'[ "$1 $2" = "python install" ] || exit 1\n'
        f'{shutil.which("mkdir")} -p "$UV_PYTHON_INSTALL_DIR/cpython/bin"\n'
        f'{shutil.which("ln")} -s {BASE_PYTHON} "$UV_PYTHON_INSTALL_DIR/cpython/bin/python3"',
    )
    assert _run(checkout, "--help", env=_without_python(bare_path)).returncode == 0
    assert (checkout / ".python" / "cpython").is_dir()


@pytest.mark.parametrize(("user", "status"), [("0", 0), ("1000", 2)])
def test_apt_get_is_asked_by_root_alone(checkout: Path, bare_path: Path, user: str, status: int) -> None:
    """Where Debian's Python lacks venv, root has it installed; anyone else is told."""
    _script(bare_path / "id", f"echo {user}")
    _script(
        bare_path / "apt-get",
        f'case "$*" in *python3-venv) {shutil.which("ln")} -s {BASE_PYTHON} {bare_path}/python3 ;; esac',
    )
    assert _run(checkout, "--help", env=_without_python(bare_path)).returncode == status


def test_a_foreign_checkout_is_told_apart(checkout: Path) -> None:
    """Someone who may not write to the checkout is told whose it is, not shown a traceback."""
    checkout.chmod(0o555)
    as_nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    refused = _run(checkout, "python", "-V", env={"PATH": "/usr/local/bin:/usr/bin:/bin"}, **as_nobody)
    checkout.chmod(0o755)
    assert refused.returncode == 2
    assert "cannot write to" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_help_lists_every_command(checkout: Path) -> None:
    """Help needs no environment, and a word that is no command is a usage error."""
    shown = _run(checkout, "--help")
    assert shown.returncode == 0
    for command in ("demo", "test", "check", "python", "lock"):
        assert f"./run {command}" in shown.stdout
    assert _run(checkout, "tset").returncode == 2
    assert not (checkout / ".venv").exists()
