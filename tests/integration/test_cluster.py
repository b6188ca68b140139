"""The life of a server: made, started, killed, found again."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from proxy.embedded import Cluster, EmbeddedFailed, find_binaries

CHECKOUT = Path(__file__).parents[2]
STARTER = """
import sys, time
from pathlib import Path
from proxy.embedded import Cluster, find_binaries
cluster = Cluster(Path(sys.argv[1]), find_binaries(), fast=True)
cluster.start()
print(cluster.pid, cluster.socket_folder, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(open_folder: Path) -> Path:
    """Return where a cluster is to be made."""
    return open_folder / "pg"


@pytest.fixture
def make(folder: Path) -> Iterator[Callable[[], Cluster]]:
    """Make clusters in the same folder, stopped at the end whatever the test did."""
    made: list[Cluster] = []

    def one() -> Cluster:
        made.append(Cluster(folder, find_binaries(), fast=True))
        return made[-1]

    yield one
    for cluster in made:
        cluster.stop()


async def _value(cluster: Cluster, sql: str) -> object:
    connection = await asyncpg.connect(cluster.dsn())
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def _gone(pid: int, within_s: float = 10) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":  # ended; whoever adopted it has not yet looked
            return True
        time.sleep(0.02)
    return False


async def test_data_outlives_a_stop(make: Callable[[], Cluster]) -> None:
    """A second start finds what the first one wrote, under the same password."""
    first = make()
    first.start()
    await _value(first, "CREATE TABLE kept AS SELECT 42 AS n")
    first.stop()
    second = make()
    second.start()
    assert await _value(second, "SELECT n FROM kept") == 42


async def test_a_stop_leaves_no_process_and_no_socket(make: Callable[[], Cluster]) -> None:
    """Stopped means: no process, no socket folder."""
    cluster = make()
    cluster.start()
    pid, socket_folder = cluster.pid, cluster.socket_folder
    cluster.stop()
    assert pid is not None
    assert _gone(pid)
    assert not socket_folder.exists()


async def test_only_a_socket_listens_by_default(make: Callable[[], Cluster]) -> None:
    """No TCP port is opened unless asked for."""
    cluster = make()
    cluster.start()
    assert await _value(cluster, "SHOW listen_addresses") == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_killed_starter_takes_its_server_along(folder: Path, make: Callable[[], Cluster]) -> None:
    """SIGKILL of the starter ends the server, and the next start works."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)], stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    ) as starter:
        assert starter.stdout is not None
        pid, socket_folder = starter.stdout.readline().split()
        starter.kill()
    assert _gone(int(pid))
    cluster = make()
    cluster.start()
    assert asyncio.run(_value(cluster, "SELECT 1")) == 1
    shutil.rmtree(socket_folder, ignore_errors=True)


async def test_a_killed_server_is_started_anew(make: Callable[[], Cluster]) -> None:
    """A postmaster.pid that still says ready is not believed, and its socket folder is cleared away."""
    cluster = make()
    cluster.start()
    assert cluster.pid is not None
    old = cluster.socket_folder
    os.kill(cluster.pid, signal.SIGKILL)
    assert _gone(cluster.pid)
    assert "ready" in (cluster.data / "postmaster.pid").read_text()
    cluster._lock.close()  # as the kernel does for a process that was killed
    anew = make()
    anew.start()
    assert await _value(anew, "SELECT 1") == 1
    assert not old.exists()


async def test_a_server_that_outlived_its_starter_is_stopped(make: Callable[[], Cluster]) -> None:
    """An orphan in the folder is ended, not joined: its settings may be another start's."""
    orphan = make()
    orphan.start()
    assert orphan.pid is not None
    orphan._lock.close()
    cluster = make()
    cluster.start()
    assert _gone(orphan.pid)
    assert await _value(cluster, "SELECT 1") == 1


def test_another_process_of_the_same_number_is_let_alone(make: Callable[[], Cluster]) -> None:
    """A number in postmaster.pid that now belongs to someone else is not signalled."""
    cluster = make()
    cluster.start()
    lines = (cluster.data / "postmaster.pid").read_text().splitlines()
    cluster.stop()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (cluster.data / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]))
        cluster.start()
        assert stranger.poll() is None
        stranger.kill()


def test_two_starts_in_one_folder_do_not_meet(make: Callable[[], Cluster]) -> None:
    """The second is told that the folder is in use, and the first goes on."""
    first = make()
    first.start()
    with pytest.raises(EmbeddedFailed, match="another process runs"):
        make().start()
    assert first.pid is not None
    assert not _gone(first.pid, within_s=0.1)


def test_an_interrupted_initdb_does_not_count(folder: Path, make: Callable[[], Cluster]) -> None:
    """Half a data folder is thrown away and made anew."""
    (folder / "data.unfinished").mkdir(parents=True)
    (folder / "data.unfinished" / "PG_VERSION").write_text("18")
    make().start()
    assert not (folder / "data.unfinished").exists()


def test_secrets_are_private(folder: Path, make: Callable[[], Cluster]) -> None:
    """The password has one file of mode 0600, and initdb's copy is gone."""
    cluster = make()
    cluster.start()
    holders = [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_size < 10_000 and cluster.password.encode() in path.read_bytes()
    ]
    assert [path.name for path in holders] == ["password"]
    assert holders[0].stat().st_mode & 0o077 == 0


def test_a_refusal_to_start_says_why(folder: Path) -> None:
    """PostgreSQL's own words reach whoever started it."""
    cluster = Cluster(folder, find_binaries(), fast=True, settings={"shared_buffers": "nonsense"})
    with pytest.raises(EmbeddedFailed, match="shared_buffers"):
        cluster.start()


def test_data_of_another_version_is_told_apart(make: Callable[[], Cluster]) -> None:
    """Someone whose programs changed is told which version made the data."""
    cluster = make()
    cluster.start()
    cluster.stop()
    (cluster.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedFailed, match="is PostgreSQL 15's"):
        cluster.start()


def test_erasing_leaves_nothing(make: Callable[[], Cluster]) -> None:
    """A cluster can be removed with all that it has, but not while it runs."""
    cluster = make()
    cluster.start()
    with pytest.raises(EmbeddedFailed, match="another process runs"):
        make().erase()
    cluster.stop()
    cluster.erase()
    assert not cluster.folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has nobody to drop to")
def test_a_folder_that_the_servers_user_cannot_enter_is_refused(tmp_path: Path) -> None:
    """Root is told so, and what to do, before PostgreSQL fails in words of its own."""
    tmp_path.chmod(0o700)
    with pytest.raises(EmbeddedFailed, match="cannot enter"):
        Cluster(tmp_path / "pg", find_binaries(), fast=True).start()
