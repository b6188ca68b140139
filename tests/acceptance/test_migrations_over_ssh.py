"""`apply_migrations.py --ssh` against a real sshd: what comes through, and what breaks off."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databases import run_sql
from migrating import PROGRAM, libpq_environment, until_sleeping
from sshds import Program, Sshd, find_sshd, running_sshd

from proxy.embedded import Cluster

Apply = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="session")
def sshd_program() -> Iterator[Program]:
    """Find sshd once a run."""
    folder = Path(tempfile.mkdtemp(prefix="dbp-openssh-"))
    folder.chmod(0o755)
    yield find_sshd(folder)
    shutil.rmtree(folder)


@pytest.fixture
def sshd(sshd_program: Program) -> Iterator[Sshd]:
    """Run an sshd for one test."""
    with running_sshd(sshd_program) as sshd:
        yield sshd


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """Return a name that no database has, and drop the one that gets it."""
    name = f"far_{os.urandom(4).hex()}"
    yield name
    run_sql(cluster.dsn(), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def folder(tmp_path: Path, database: str) -> Path:
    """Return a folder with one migration of the database."""
    made = tmp_path / "migrations" / database
    made.mkdir(parents=True)
    (made / "001_first.sql").write_text("CREATE TABLE a ();")
    return made


@pytest.fixture
def start(cluster: Cluster, sshd: Sshd, folder: Path, tmp_path: Path) -> Start:
    """Return what starts the command from a desk that knows nothing of the server but its ssh."""
    environment = libpq_environment(cluster, tmp_path)
    for name in ("PGHOST", "PGPORT", "PGUSER"):
        del environment[name]
    environment["TMPDIR"] = str(sshd.temporary)
    socket_path = f"{cluster.socket_folder}/.s.PGSQL.{cluster.port}"

    def begin(*arguments: str, host: str = "db", postgres: str = socket_path) -> subprocess.Popen[str]:
        where = ["--ssh", host, "--ssh-config", str(sshd.config), "--ssh-postgres", postgres]
        login = [] if sshd.user == cluster.superuser else ["--url", f"postgresql://{cluster.superuser}@"]
        return subprocess.Popen(
            [*PROGRAM, "--folder", str(folder.parent), *where, *login, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


@pytest.fixture
def apply(start: Start) -> Apply:
    """Return what runs the command to its end."""

    def run(*arguments: str, **where: str) -> subprocess.CompletedProcess[str]:
        process = start(*arguments, **where)
        told, complained = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, told, complained)

    return run


def test_it_applies_through_ssh_and_ends_with_the_run(apply: Apply, sshd: Sshd, database: str) -> None:
    """One link a run, to a socket on the server; who is logged in is the user of ssh. Nothing of it stays."""
    first = apply("--create")
    assert (first.returncode, first.stderr) == (0, "")
    assert "  1 migration applied in " in first.stdout
    again = apply()
    assert (again.returncode, again.stdout) == (0, f"{database}:\n  nothing is pending\n")
    assert len(sshd.connections) == 2
    for connection in sshd.connections:
        connection.wait(timeout=30)


def test_postgresql_may_listen_on_a_port(apply: Apply, cluster: Cluster) -> None:
    """Of the server's own loopback, which nobody else reaches."""
    done = apply("--create", postgres=f"127.0.0.1:{cluster.port}")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_host_is_not_trusted(apply: Apply, sshd: Sshd) -> None:
    """Nothing is asked, and the message says how to get to know it."""
    sshd.known_hosts.write_text("")
    done = apply("--create")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Host key verification failed" in done.stderr
    assert "ssh db" in done.stderr


def test_another_hosts_key_is_not_trusted(apply: Apply, sshd: Sshd) -> None:
    """It may be another machine, with another database of the same name."""
    other = (sshd.config.parent / "user_key.pub").read_text().rsplit(" ", 1)[0]
    sshd.known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {other}\n")
    done = apply("--create")
    assert done.returncode == 1
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr
    assert "a key that has changed may be another machine's" in done.stderr


def test_a_refused_port_is_one_clear_line(apply: Apply, sshd: Sshd) -> None:
    """No sshd there."""
    sshd.stop_listening()
    done = apply()
    assert done.returncode == 1
    assert "Connection refused" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_that_does_not_fit_is_told(apply: Apply, sshd: Sshd) -> None:
    """Ssh asks for no password instead."""
    (sshd.config.parent / "authorized_keys").write_text("")
    done = apply()
    assert done.returncode == 1
    assert "Permission denied" in done.stderr
    assert "ssh-add" in done.stderr


def test_a_postgresql_that_is_not_there_is_told_with_ssh_s_own_words(apply: Apply) -> None:
    """The place is looked for on the server, not here."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for postgres in ("/nowhere/.s.PGSQL.5432", f"127.0.0.1:{port}"):
        done = apply("--create", postgres=postgres)
        assert done.returncode == 1
        assert "cannot log in to PostgreSQL" in done.stderr
        assert "open failed: connect failed" in done.stderr
        assert "--ssh-postgres" in done.stderr


def test_an_sshd_that_forwards_nothing_is_told(start: Start, sshd: Sshd, sshd_program: Program) -> None:
    """The words of ssh name what its server forbids."""
    with running_sshd(sshd_program, "AllowStreamLocalForwarding no\nAllowTcpForwarding no\n") as strict:
        shutil.copy(strict.config, sshd.config)
        _, complained = start("--create").communicate(timeout=60)
    assert "open failed" in complained
    assert "AllowStreamLocalForwarding" in complained


@pytest.mark.every_postgresql
def test_a_link_cut_in_the_middle_leaves_nothing_half_applied(
    start: Start, apply: Apply, sshd: Sshd, cluster: Cluster, folder: Path
) -> None:
    """The file is undone by PostgreSQL, the message says that the link has ended, and the next run does it whole."""
    second = folder / "002_second.sql"
    second.write_text("CREATE TABLE b (); SELECT pg_sleep(60); CREATE TABLE c ();")
    run = start("--create")
    until_sleeping(cluster, folder.name)
    sshd.cut()
    told, complained = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "002 second … not applied" in told
    assert "the connection to PostgreSQL was lost" in complained
    assert "ssh db: " in complained
    assert "nothing of this file; the files before it are" in complained
    second.write_text("CREATE TABLE b (); CREATE TABLE c ();")
    assert "  1 migration applied in " in apply().stdout


def test_a_killed_run_takes_its_link_along(start: Start, sshd: Sshd, cluster: Cluster, folder: Path) -> None:
    """Kill -9 leaves no ssh behind that would keep a door to the database open, and no file."""
    (folder / "002_second.sql").write_text("SELECT pg_sleep(60)")
    with start("--create") as run:
        until_sleeping(cluster, folder.name)
        [link] = sshd.temporary.glob("dbp-*")
        run.kill()
        [connection] = sshd.connections
        connection.wait(timeout=30)
    while link.exists():  # pytest's timeout ends a wait in vain
        time.sleep(0.02)
