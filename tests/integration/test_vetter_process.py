"""Real vetting processes: judging, hanging, dying."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from proxy.errors import Refusal
from proxy.policy.model import Policy, Role, TableName
from proxy.telemetry import metrics
from proxy.vetter import process as process_module
from proxy.vetter.process import VetterProcess, VetterUnstartable
from proxy.vetter.vetter import Start, Vetter
from proxy.vetting import vet
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Denied, Verdict

# A busy machine may take its time; the tests of waiting say otherwise.
HOOKED = partial(VetterProcess.start, "vetter_judges:judge", patience_s=60.0)
ON_LINUX = Path("/proc/self/fd").exists()


def policy(tenant: str = "acme") -> Policy:
    """Make the policy of a tenant who is granted nothing."""
    return Policy(tenant, tenant, f"{tenant}_edge", {"default": Role("default", {})}, digest=tenant)


@asynccontextmanager
async def running(start: Start = HOOKED) -> AsyncIterator[Vetter]:
    """Run a vetter with real processes."""
    vetter = Vetter(start)
    await vetter.start()
    try:
        yield vetter
    finally:
        await vetter.close()


def ask(vetter: Vetter, sql: str, tenant: str = "acme") -> Awaitable[Verdict]:
    """Have a text judged."""
    return vetter.judge(sql, policy(tenant), "default", Catalog({}, "v1"))


def ends(reason: str) -> float:
    """Return how many processes ended for this reason so far."""
    return metrics.REGISTRY.get_sample_value("database_proxy_vetter_ends_total", {"reason": reason}) or 0.0


def pid_of(vetter: Vetter) -> int:
    """Return the id of the process that judges at the moment."""
    assert vetter._process is not None
    return vetter._process.pid


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something outside this process."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("sql", ["SELECT 1", "SELECT id FROM t", "SELECT", "SELECT '\ud800'", "", "x" * 40_000])
async def test_verdict_is_the_same_as_anywhere(sql: str) -> None:
    """What comes back is what `vet` says, whatever the text."""
    catalog = Catalog({TableName("public", "t"): ("id",)}, "v1")
    async with running(VetterProcess.start) as vetter:
        for _ in range(2):
            assert await vetter.judge(sql, policy(), "default", catalog) == vet(sql, policy(), "default", catalog)


async def test_what_judging_leaves_in_circles_is_collected() -> None:
    """A process that collects nothing would be past the bound of its memory with the eighth text."""
    async with running() as vetter:
        first = pid_of(vetter)
        for number in range(12):
            assert not isinstance(await ask(vetter, f"litter {number}"), Denied)
        assert pid_of(vetter) == first


async def test_text_that_takes_too_long_ends_with_its_process() -> None:
    """It is denied, the process is gone, and another one judges the next tenant's text."""
    before = ends("deadline")
    async with running() as vetter:
        first = pid_of(vetter)
        spinning, waiting = asyncio.ensure_future(ask(vetter, "spin")), asyncio.ensure_future(ask(vetter, "x", "other"))
        denied = await spinning
        assert isinstance(denied, Denied)
        assert (denied.rule, denied.message) == ("vetting-failed", "judging the statement took too long")
        assert not isinstance(await waiting, Denied)
        assert pid_of(vetter) != first
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
    assert ends("deadline") == before + 1


async def test_process_that_hangs_is_killed() -> None:
    """Even one that does nothing at all: its caller may come again, and the others are judged."""
    before = ends("stuck")
    async with running(partial(VetterProcess.start, "vetter_judges:judge", patience_s=1.0)) as vetter:
        first = pid_of(vetter)
        with pytest.raises(Refusal) as refused:
            await ask(vetter, "hang")
        assert (refused.value.error, refused.value.retryable) == ("overloaded", True)
        assert not isinstance(await ask(vetter, "x", "other"), Denied)
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
    assert ends("stuck") == before + 1


async def test_killing_the_process_costs_no_verdict(tmp_path: Path) -> None:
    """The text under way is judged by the next process, and so are those that wait."""
    before = ends("died")
    mark = tmp_path / "begun"
    async with running() as vetter:
        under_way, waiting = asyncio.ensure_future(ask(vetter, f"once {mark}")), asyncio.ensure_future(ask(vetter, "x"))
        await until(mark.exists)
        os.kill(pid_of(vetter), signal.SIGKILL)
        assert not any(isinstance(verdict, Denied) for verdict in await asyncio.gather(under_way, waiting))
    assert ends("died") == before + 1


async def test_text_that_kills_its_process_is_denied() -> None:
    """After a second try it is denied; no exception reaches its caller."""
    async with running() as vetter:
        denied = await ask(vetter, "die")
    assert isinstance(denied, Denied)
    assert (denied.rule, denied.detail) == ("vetting-failed", "the vetting process ended under it, twice")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bound a process's address space")
async def test_memory_is_bounded() -> None:
    """A text that would take the machine's memory is denied."""
    async with running() as vetter:
        denied = await ask(vetter, "eat")
    assert isinstance(denied, Denied)
    assert denied.rule == "vetting-failed"


async def test_idle_process_is_replaced() -> None:
    """One that is killed while nobody waits is there again before anybody asks."""
    async with running() as vetter:
        first = pid_of(vetter)
        os.kill(first, signal.SIGKILL)
        await until(lambda: pid_of(vetter) != first)
        assert not isinstance(await ask(vetter, "x"), Denied)


async def test_process_is_deaf_to_the_signals_of_the_gateway() -> None:
    """SIGTERM and SIGINT are the gateway's; the process ends when its socket does."""
    async with running() as vetter:
        pid = pid_of(vetter)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(pid, number)
        assert not isinstance(await ask(vetter, "x"), Denied)
        assert pid_of(vetter) == pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(not ON_LINUX, reason="what a process holds is read from /proc")
async def test_process_inherits_neither_secrets_nor_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the gateway's environment it has the module path alone, of its descriptors one socket."""
    monkeypatch.setenv("PROXY_JWT_SECRET", "hunter2")
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    try:
        async with running() as vetter:
            proc = Path(f"/proc/{pid_of(vetter)}")
            environment = (proc / "environ").read_bytes().split(b"\0")
            held = {str(fd.readlink()) for fd in (proc / "fd").iterdir()}
    finally:
        os.close(reading)
        os.close(writing)
    assert {entry.partition(b"=")[0] for entry in environment if entry} == {b"PYTHONPATH"}
    assert len(held) == 2
    assert os.devnull in held


async def test_process_steps_back_behind_the_gateway() -> None:
    """Where both want one processor, the gateway goes first."""
    async with running() as vetter:
        assert os.getpriority(os.PRIO_PROCESS, pid_of(vetter)) > os.getpriority(os.PRIO_PROCESS, 0)


async def test_process_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program, no judge: each has its reason."""
    with pytest.raises(VetterUnstartable, match="ended with status 1"):
        await VetterProcess.start("no_such_module:judge")
    monkeypatch.setattr(process_module.sys, "executable", "/nowhere/python")
    with pytest.raises(VetterUnstartable, match="No such file"):
        await VetterProcess.start()


PARENT = """
import asyncio
from proxy.vetter.process import VetterProcess
async def main():
    process = await VetterProcess.start()
    print(process.pid, flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())
"""


def test_process_ends_with_the_gateway_however_that_ends() -> None:
    """A gateway that is killed leaves no vetting process behind."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.kill()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and runs(pid):
        time.sleep(0.01)
    assert not runs(pid)


def runs(pid: int) -> bool:
    """Say whether a process runs: a dead one that nobody has asked about does not."""
    answer = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()[:1] not in {"", "Z"}
