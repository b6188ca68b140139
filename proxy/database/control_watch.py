"""Keys and revocations in memory, the same as in the control database within a second.

One task and one connection for each worker process. A change wakes it by
NOTIFY; besides, it asks twice a second, since a notification may be lost with
its connection. While the database is away, what was last known stays in force
and `away_since` tells; before it has answered once, nobody is let in
(`Revocations.loaded`).
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg

from proxy.database.control import CHANNEL, COMMAND_TIMEOUT_S, ControlStore, connect_control, reason
from proxy.identity.keys import KeyRing
from proxy.identity.revocations import Revocations

POLL_S = 0.5
RECORD_USES_EVERY_S = 15.0
PURGE_EVERY_S = 3600.0
# A stream of notifications may make us ask this often, and no oftener.
LEAST_INTERVAL_S = 0.02


class ControlWatch:
    """Follows the control database. `problem` and `away_since` (seconds since the epoch) are None while all is well.

    `report` is called with the problem when one begins, and with None when it ends.
    """

    def __init__(
        self,
        url: str,
        keys: KeyRing,
        revocations: Revocations,
        *,
        passfile: Path | None = None,
        report: Callable[[str | None], None] | None = None,
    ) -> None:
        self.problem: str | None = None
        self.away_since: float | None = None
        self.poll_s = POLL_S
        self.record_uses_every_s = RECORD_USES_EVERY_S
        self._url = url
        self._passfile = passfile
        self._keys = keys
        self._revocations = revocations
        self._report = report or (lambda _: None)
        self._wake = asyncio.Event()
        self._answered = asyncio.Event()
        self._seen = (-1, -1)
        self._uses_recorded_at = self._purged_at = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    async def start(self, timeout_s: float = 5.0) -> bool:
        """Begin to follow; return whether keys and revocations were loaded within `timeout_s`.

        If not, it goes on trying.
        """
        self._task = asyncio.create_task(self._run(), name="control-watch")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._answered.wait(), timeout_s)
        return self._revocations.loaded

    async def stop(self) -> None:
        """Stop following; the last uses of keys are stored if the database is there."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except Exception as exc:  # noqa: BLE001 - whatever it is, a gateway that stops following is worse
                self._note_problem(reason(exc))
            await asyncio.sleep(self.poll_s)

    async def _follow(self) -> None:
        """Follow on one connection until it breaks."""
        connection = await connect_control(self._url, self._passfile)
        store = ControlStore(connection)
        try:
            await connection.add_listener(CHANNEL, self._on_notice)
            connection.add_termination_listener(self._on_notice)
            self._seen = (-1, -1)
            while True:
                self._wake.clear()
                await self._look(store)
                await self._tidy(store)
                await self._wait()
        except asyncio.CancelledError:
            await self._say_goodbye(connection, store)
            raise
        finally:
            connection.terminate()

    async def _look(self, store: ControlStore) -> None:
        """Take over what has changed since the last look."""
        if await store.last_change() != self._seen[0]:
            changes = await store.changes_since(*self._seen)
            if changes.keys is None:
                self._revocations.add(changes.revoked)
            else:
                # Revocations first: a key or token is never let in on the way.
                self._revocations.replace(changes.revoked)
                self._keys.replace(changes.keys)
            self._seen = (changes.number, changes.resets)
        self._note_answer()

    async def _wait(self) -> None:
        await asyncio.sleep(LEAST_INTERVAL_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), self.poll_s)

    async def _tidy(self, store: ControlStore) -> None:
        now = time.monotonic()
        if now - self._uses_recorded_at >= self.record_uses_every_s:
            self._uses_recorded_at = now
            await self._record_uses(store)
        if now - self._purged_at >= PURGE_EVERY_S:
            self._purged_at = now
            await store.purge()

    async def _record_uses(self, store: ControlStore) -> None:
        used = self._keys.take_used()
        if used:
            await store.record_uses(used)

    async def _say_goodbye(self, connection: asyncpg.Connection, store: ControlStore) -> None:
        """Store the last uses and close in order: nobody waits for a server that is gone."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(COMMAND_TIMEOUT_S / 5):
                await self._record_uses(store)
                await connection.close()

    def _on_notice(self, *_: object) -> None:
        self._wake.set()

    def _note_problem(self, problem: str) -> None:
        if self.away_since is None:
            self.away_since = time.time()
        if self.problem != problem:
            self.problem = problem
            self._report(problem)

    def _note_answer(self) -> None:
        self._answered.set()
        if self.problem is not None:
            self.problem = self.away_since = None
            self._report(None)
