"""One vetting process, as the gateway sees it: started, asked, ended.

It inherits one socket and neither the gateway's environment, where secrets
may be, nor its other descriptors. The socket's end here is the only one there
is, so that it closes with the gateway, however that ends.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

from proxy.policy.model import Policy
from proxy.vetter.messages import LENGTH, Ask, dump, load, pack
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Verdict

VET = "proxy.vetting:vet"
START_S = 20.0
# One text, by the clock on the wall. Only a process that gets no processor, or is stopped, takes so long.
PATIENCE_S = 2.0
STOP_S = 1.0


class VetterUnstartable(Exception):  # noqa: N818 - a state of affairs, as the other names here
    """There is no vetting process to be had; the text says what went wrong."""


class VetterDied(Exception):  # noqa: N818
    """The process ended while it judged. `status` is that of subprocess: below zero for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"ended with status {status}")
        self.status = status


class DeadlinePassed(VetterDied):
    """It ended because the text took more than its share of work."""


class VetterStuck(VetterDied):
    """It was killed because it did not answer, without having used up the text's share of work."""


class VetterProcess:
    """A process that judges one text at a time."""

    def __init__(
        self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience_s: float
    ) -> None:
        self.pid = process.pid
        self._process = process
        self._reader = reader
        self._writer = writer
        self._patience_s = patience_s
        self._ending = asyncio.create_task(process.wait())

    @classmethod
    async def start(cls, function: str = VET, patience_s: float = PATIENCE_S) -> Self:
        """Start one that judges by a function, `module:name`, and wait until it is ready. Raises VetterUnstartable."""
        try:
            started = cls(*await _spawn(function), patience_s)
        except OSError as exc:
            raise VetterUnstartable(exc.strerror or type(exc).__name__) from exc
        try:
            async with asyncio.timeout(START_S):
                await started._receive()
        except TimeoutError as exc:
            await started.kill()
            raise VetterUnstartable(f"it was not ready after {START_S:.0f} s") from exc
        except VetterDied as exc:
            raise VetterUnstartable(f"it {exc}") from exc
        return started

    @property
    def alive(self) -> bool:
        """Say whether it still runs, as far as is known."""
        return not self._ending.done()

    def when_it_ends(self, do: Callable[[], None]) -> None:
        """Have something done when it ends."""
        self._ending.add_done_callback(lambda _: do())

    async def vet(self, sql: str, policy: Policy, role: str, catalog: Catalog) -> Verdict:
        """Judge one text. Raises DeadlinePassed, VetterStuck and VetterDied, and then has ended."""
        ask = Ask(sql, role, policy.digest, catalog.version)
        verdict: Verdict | None = await self._ask(ask)
        if verdict is None:
            # A policy's own tests have no say in a verdict.
            known = ask._replace(policy=dump(replace(policy, tests=())), catalog=dump(catalog))
            verdict = await self._ask(known)
        assert verdict is not None  # noqa: S101 - it has all that it needs
        return verdict

    async def _ask(self, ask: Ask) -> Any:
        try:
            async with asyncio.timeout(self._patience_s):
                self._writer.write(pack(ask))
                return await self._receive()
        except TimeoutError as exc:
            raise VetterStuck(await self.kill()) from exc

    async def _receive(self) -> Any:
        try:
            header = await self._reader.readexactly(LENGTH.size)
            return load(await self._reader.readexactly(*LENGTH.unpack(header)))
        except (asyncio.IncompleteReadError, ConnectionError) as exc:
            # It is ending. A kill now could make asyncio lose the status (subprocess polls before it sends a signal).
            status = await self.stop()
            raise (DeadlinePassed if status == -signal.SIGPROF else VetterDied)(status) from exc

    async def stop(self) -> int:
        """Let it end by itself, kill it if it does not, and return its status."""
        self._writer.close()
        await asyncio.wait([self._ending], timeout=STOP_S)
        return await self.kill()

    async def kill(self) -> int:
        """End it at once, if it has not ended, and return its status."""
        self._writer.close()
        if not self._ending.done():
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        return await self._ending


async def _spawn(function: str) -> tuple[Process, asyncio.StreamReader, asyncio.StreamWriter]:
    """Start the process, with one end of a socket. Raises OSError."""
    ours, theirs = socket.socketpair()
    # Not in a session of its own: where Linux shares processors out by session (autogroup), niceness counts within one.
    try:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-s", "-P", "-m", "proxy.vetter.child", function),
                stdin=theirs.fileno(),
                stdout=DEVNULL,
                env={"PYTHONPATH": os.pathsep.join(place or os.curdir for place in sys.path)},
            )
        return process, *await asyncio.open_unix_connection(sock=ours)
    except BaseException:
        ours.close()  # whatever was started ends by it
        raise
