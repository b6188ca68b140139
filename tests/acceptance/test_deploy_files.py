"""What an administrator installs: `Caddyfile` and `systemd/`, read by the programs that will read them there."""

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from caddies import CADDY, ROOT, environment

from proxy.server import KEEP_ALIVE_S
from proxy.wire.head import _REQUEST_ID

UNIT = ROOT / "systemd/database-proxy.service"
PURGE = ROOT / "systemd/database-proxy-purge.service"
TIMER = ROOT / "systemd/database-proxy-purge.timer"
UNITS = pytest.mark.parametrize("file", [UNIT, PURGE], ids=lambda file: file.name)

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze, a part of systemd, is not on this machine"
)


def caddy(tmp_path: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a Caddy command on the repository's Caddyfile, writing below `tmp_path` only."""
    command = [CADDY, *arguments, "--config", ROOT / "Caddyfile", "--adapter", "caddyfile"]
    return subprocess.run(
        command, env=environment(tmp_path, **settings), capture_output=True, text=True, check=False, timeout=60
    )


def values_of(key: str, node: Any) -> Iterator[Any]:
    """Yield every value of a key, wherever it stands in a JSON document."""
    if isinstance(node, dict):
        if key in node:
            yield node[key]
        for child in node.values():
            yield from values_of(key, child)
    elif isinstance(node, list):
        for child in node:
            yield from values_of(key, child)


@pytest.mark.parametrize(
    "settings",
    [{}, {"GATEWAY_SITE": "db.example.com, api.example.com", "GATEWAY_UPSTREAM": "unix//run/database-proxy/http.sock"}],
    ids=["defaults", "all set"],
)
def test_caddyfile_validates(tmp_path: Path, settings: dict[str, str]) -> None:
    """Caddy accepts the file, without a warning, as it stands and with a real site's settings."""
    answer = caddy(tmp_path, "validate", **settings)
    assert answer.returncode == 0, answer.stderr
    assert "Valid configuration" in answer.stdout + answer.stderr
    assert '"level":"warn"' not in answer.stderr


def test_caddyfile_is_formatted(tmp_path: Path) -> None:
    """`caddy fmt` has nothing to change in the file."""
    copy = Path(shutil.copy(ROOT / "Caddyfile", tmp_path))
    subprocess.run([CADDY, "fmt", "--overwrite", copy], check=True, capture_output=True, env={"HOME": str(tmp_path)})
    assert copy.read_text() == (ROOT / "Caddyfile").read_text()


def test_caddyfile_leads_to_one_address(tmp_path: Path) -> None:
    """The gateway's public address is the one upstream: its admin address is never behind Caddy."""
    adapted = json.loads(caddy(tmp_path, "adapt").stdout)
    assert list(values_of("dial", adapted)) == ["127.0.0.1:3000"]
    assert adapted["admin"]["disabled"] is True


def test_caddy_lets_idle_connections_go_first(tmp_path: Path) -> None:
    """The gateway keeps an idle connection longer than Caddy: no request meets a connection that is being closed."""
    adapted = json.loads(caddy(tmp_path, "adapt").stdout)
    (keep_alive,) = values_of("keep_alive", adapted)
    assert keep_alive["idle_timeout"] / 1e9 < KEEP_ALIVE_S


def test_caddy_and_the_gateway_agree_on_request_ids() -> None:
    """An id that Caddy passes on is one that the gateway keeps, so both logs name a request alike."""
    (pattern,) = re.findall(r"header_regexp id X-Request-Id \^(\S+)\$", (ROOT / "Caddyfile").read_text())
    assert pattern.encode() == _REQUEST_ID.pattern


def test_caddyfile_offers_no_plain_http(tmp_path: Path) -> None:
    """A site is served by TLS alone: port 80 is not opened to send callers, and their tokens, elsewhere."""
    servers = json.loads(caddy(tmp_path, "adapt", GATEWAY_SITE="db.example.com").stdout)["apps"]["http"]["servers"]
    assert [server["listen"] for server in servers.values()] == [[":443"]]
    assert all(server["automatic_https"]["disable_redirects"] for server in servers.values())


def installed(tmp_path: Path, text: str, name: str = UNIT.name) -> Path:
    """Write a unit as if it were installed below `tmp_path`, with a program where ExecStart looks for it."""
    program = tmp_path / "opt/database-proxy/venv/bin/database-proxy"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "units" / name
    unit.parent.mkdir()
    unit.write_text(text.replace("/opt/database-proxy", str(tmp_path / "opt/database-proxy")))
    return unit


def verify(unit: Path) -> str:
    """Return all that `systemd-analyze verify` says about a unit."""
    answer = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False, timeout=60
    )
    return f"{answer.stdout}{answer.stderr}{f'exit {answer.returncode}' if answer.returncode else ''}"


@needs_systemd
@UNITS
def test_unit_verifies_in_silence(tmp_path: Path, file: Path) -> None:
    """The real systemd has nothing to say about the unit, once the program is where the unit looks for it."""
    assert verify(installed(tmp_path, file.read_text(), file.name)) == ""


@needs_systemd
def test_timer_starts_the_purge(tmp_path: Path) -> None:
    """A timer starts the service of its own name; the real systemd understands it, and would name a mistake."""
    assert TIMER.stem == PURGE.stem
    service = installed(tmp_path, PURGE.read_text(), PURGE.name)
    timer = Path(shutil.copy(TIMER, service.parent))
    assert verify(timer) == ""
    timer.write_text(timer.read_text().replace("OnCalendar=", "OnCalender="))
    assert "OnCalender" in verify(timer)


@needs_systemd
def test_unit_with_a_mistake_is_noticed(tmp_path: Path) -> None:
    """The check above can fail: a misspelled setting is named."""
    assert "NoNewPrivilege" in verify(
        installed(tmp_path, UNIT.read_text().replace("NoNewPrivileges", "NoNewPrivilege"))
    )


@needs_systemd
@UNITS
def test_unit_is_confined(tmp_path: Path, file: Path) -> None:
    """The exposure that systemd sees in the unit, from 0 to 10, is at most 1.5."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager"]
    unit = installed(tmp_path, file.read_text(), file.name)
    answer = subprocess.run([*command, unit], capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Overall exposure level" in answer.stdout + answer.stderr


@needs_systemd
def test_drop_in_for_caddy_verifies_in_silence(tmp_path: Path) -> None:
    """Beside a unit like the one of Caddy's package, the drop-in is read and nothing is wrong with it."""
    (tmp_path / "caddy.service.d").mkdir()
    shutil.copy(ROOT / "systemd/caddy.service.d/database-proxy.conf", tmp_path / "caddy.service.d")
    unit = tmp_path / "caddy.service"
    unit.write_text("[Service]\nType=notify\nExecStart=/bin/true\nExecReload=/bin/true --force\n")
    assert verify(unit) == ""
    broken = tmp_path / "caddy.service.d/database-proxy.conf"
    broken.write_text(broken.read_text().replace("ExecReload", "ExecRelod"))
    assert "ExecRelod" in verify(unit)


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not on this machine")
@UNITS
def test_sysusers_file_names_the_unit_s_user(tmp_path: Path, file: Path) -> None:
    """The sysusers file makes the user and the group that the unit runs as."""
    answer = subprocess.run(
        ["systemd-sysusers", "--dry-run", f"--root={tmp_path}", ROOT / "systemd/database-proxy.sysusers"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (name,) = {line.partition("=")[2] for line in file.read_text().splitlines() if line.startswith(("User=", "Group="))}
    assert name == file.stem
    assert f"Creating user '{name}'" in answer.stdout + answer.stderr


def locked(name: str) -> dict[str, set[str]]:
    """Return a lock file's packages, each `name==version`, with their hashes."""
    packages: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text().splitlines():
        if found := re.match(r"([\w.-]+==[\w.+!-]+)", line):
            hashes = packages.setdefault(found[1], set())
        hashes |= set(re.findall(r"sha256:[0-9a-f]{64}", line))
    return packages


def test_server_installs_what_was_tested() -> None:
    """The server's lock file is the part of the tests' lock file that the gateway needs, to the hash."""
    server, everything = locked("requirements-server.lock"), locked("requirements.lock")
    assert server.items() <= everything.items()
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.sub(r"\[.*?\]", "", requirement) for requirement in needed} <= server.keys()


def test_installed_package_has_its_data_files() -> None:
    """What `pip install` takes along is every file of the package: a server has no checkout to fall back on."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["proxy"]
    package = ROOT / "proxy"
    installed = {path for pattern in patterns for path in package.glob(pattern)}
    data = {path for path in package.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    assert data == installed
