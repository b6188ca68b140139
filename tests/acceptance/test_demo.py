"""`./run demo` from outside, as the newcomer that it is for."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")
NOBODY = 65534

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """Copy the checkout, without what earlier starts left in it, to where every user may go."""
    folder = Path(tempfile.mkdtemp(prefix="dbp-demo-"))
    folder.chmod(0o755)
    yield Path(shutil.copytree(CHECKOUT, folder / "checkout", ignore=NOT_COPIED))
    shutil.rmtree(folder)


def _start(checkout: Path, *options: str) -> "subprocess.Popen[str]":
    """Start the demo of that checkout with the environment that runs this test."""
    return subprocess.Popen(
        [sys.executable, "-m", "proxy", "demo", *options],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _demo(checkout: Path, *options: str) -> str:
    """Run the demo to its end and return what it printed."""
    demo = _start(checkout, "--exit", *options)
    output, errors = demo.communicate(timeout=120)
    assert demo.returncode == 0, output + errors
    return output


def _processes_of(checkout: Path) -> list[str]:
    """Return the command lines of processes that have the checkout in them, or run in it."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            folder = str((process / "cwd").readlink())
        except OSError:
            continue
        if str(checkout) in line or folder.startswith(str(checkout)):
            found.append(line)
    return found


def _new_calls(output: str) -> int:
    """Count the calls that the join shows, without those of the example data."""
    return len(set(re.findall(r'"id":"(call_[0-9a-f]{8})","persona"', output)))


def test_a_first_start_shows_rows_and_denials(checkout: Path) -> None:
    """One command: real rows, a write, and a denial with its rule."""
    output = _demo(checkout, "--reset")
    assert '{"?column?":1}' in output
    assert '"name":"Brad"' in output
    assert '"error": "statement-denied"' in output
    assert "This should have been" not in output
    assert _new_calls(output) == 1


def test_a_second_start_keeps_its_data(checkout: Path) -> None:
    """What the first start wrote is there, until a reset."""
    _demo(checkout, "--reset")
    started = time.monotonic()
    assert _new_calls(_demo(checkout)) == 2
    assert time.monotonic() - started < 10
    assert _new_calls(_demo(checkout, "--reset")) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_told_to_stop(checkout: Path, number: signal.Signals) -> None:
    """The printed curl line works; Ctrl-C and SIGTERM end it with status 0 and no process is left."""
    demo = _start(checkout)
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if "until Ctrl-C" in line:
            break
    curl = "".join(lines[-6:])
    url = re.search(r"http://\S+/query", curl)
    token = re.search(r"Bearer ([\w.-]+)", curl)
    body = re.search(r"-d '(.*)'", curl)
    assert url
    assert token
    assert body
    headers = {"Authorization": f"Bearer {token[1]}", "Content-Type": "application/json"}
    request = urllib.request.Request(url[0], body[1].encode(), headers)  # noqa: S310 - the demo's own http address
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        assert json.load(response)["rows"] == [{"id": "brad", "name": "Brad"}]
    demo.send_signal(number)
    _, errors = demo.communicate(timeout=60)
    assert demo.returncode == 0
    # On a busy machine a step takes its second, and says so.
    assert all(re.search("…$|: done in ", line) for line in errors.splitlines()), errors
    assert _processes_of(checkout) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_killed_demo_leaves_no_process(checkout: Path) -> None:
    """Nothing outlives it, and the next start works."""
    demo = _start(checkout)
    assert demo.stdout is not None
    while "until Ctrl-C" not in demo.stdout.readline():
        assert demo.poll() is None
    demo.kill()
    demo.communicate()
    deadline = time.monotonic() + 30
    while _processes_of(checkout) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _processes_of(checkout) == []
    _demo(checkout)


def test_secrets_are_in_no_log(checkout: Path) -> None:
    """Neither the passwords, nor the tokens' secret, nor a token, nor a parameter is in what was logged."""
    output = _demo(checkout)
    home = _home(output)
    logged = (home / "gateway.log").read_text() + (home / "postgresql" / "server.log").read_text(errors="replace")
    passwords = [line.rsplit(":", 1)[1] for line in (home / "passfile").read_text().splitlines()]
    assert passwords
    for secret in [*passwords, (home / "jwt-secret").read_text(), "eyJ", "+15550100"]:
        assert secret not in logged
    for name in ("passfile", "jwt-secret"):
        assert (home / name).stat().st_mode & 0o077 == 0


def _home(output: str) -> Path:
    found = re.search(r"data and logs in (\S+)", output)
    assert found
    return Path(found[1])


def test_a_taken_port_that_was_asked_for_is_refused(checkout: Path) -> None:
    """Only the default port gives way to another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        demo = _start(checkout, "--exit", "--port", str(taken.getsockname()[1]))
        _, errors = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert "cannot be used" in errors


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as someone else")
def test_root_in_a_private_checkout_keeps_its_data_below_the_temp_folder(checkout: Path, tmp_path: Path) -> None:
    """The server's user has no way into the checkout, and none is opened: not even a strict umask is in the way."""
    tmp_path.chmod(0o700)
    private = Path(shutil.copytree(checkout, tmp_path / "checkout", ignore=NOT_COPIED))
    umask = os.umask(0o077)
    try:
        first, second = _demo(private), _demo(private)
    finally:
        os.umask(umask)
    home = _home(first)
    assert (_new_calls(first), _new_calls(second)) == (1, 2)
    assert home.is_relative_to(tempfile.gettempdir())
    assert not home.is_relative_to(private)
    assert tmp_path.stat().st_mode & 0o077 == 0
    shutil.rmtree(home)


def _python_for_anyone() -> bool:
    """Tell whether an ordinary user of this machine has a Python for ./run."""
    pythons = [shutil.which(f"python3{suffix}", path="/usr/local/bin:/usr/bin") for suffix in ("", ".11", ".12", ".13")]
    probe = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))"
    return any(python and subprocess.run([python, "-c", probe], check=False).returncode == 0 for python in pythons)


@pytest.mark.skipif(
    os.geteuid() == 0 and not _python_for_anyone(), reason="the only Python here is one that root keeps to itself"
)
def test_a_fresh_checkout_runs_the_demo_as_an_ordinary_user(checkout: Path) -> None:
    """Nothing installed, no home folder: `./run demo --exit` sets itself up and ends with status 0."""
    mine = checkout.parent / "of-an-ordinary-user"
    shutil.copytree(checkout, mine, ignore=NOT_COPIED)
    drop: dict[str, object] = {}
    if os.geteuid() == 0:
        drop = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        for path in (mine, *mine.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTP", "http"))}
    done = subprocess.run(
        ["./run", "demo", "--exit"],
        cwd=mine,
        env={**kept, "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        **drop,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"name":"Brad"' in done.stdout
    assert _home(done.stdout) == mine / ".demo"
    assert _processes_of(mine) == []
