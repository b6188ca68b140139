"""Whether PostgreSQL answers: really asked, not more than once a second, and never for long."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic

from proxy.errors import Refusal, StatementFailed
from proxy.telemetry import events

KEEP_S = 1.0
TIMEOUT_S = 2.0

# All tenants are on one server: where it could not be reached so many times, it will not be for the others either.
# (The first may have tried a connection that has died.)
_UNREACHED = "08001"
_ENOUGH = 3

Probe = Callable[[], Awaitable[None]]


class Health:
    """Asks PostgreSQL through any of several probes, in their order, until one answers."""

    def __init__(self, probes: Callable[[], Iterable[Probe]]) -> None:
        self._probes = probes
        self._connected: bool | None = None
        self._asked_at = 0.0
        self._asking: asyncio.Task[bool] | None = None

    async def database_connected(self) -> bool:
        """Say whether PostgreSQL answered just now, or within the last second."""
        if self._connected is not None and monotonic() - self._asked_at < KEEP_S:
            return self._connected
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> bool:
        connected = await self._any_answers()
        if connected != self._connected:
            if not connected:
                events.database_unavailable()
            elif self._connected is not None:
                events.database_available()
        self._connected, self._asked_at = connected, monotonic()
        return connected

    async def _any_answers(self) -> bool:
        unreached = 0
        try:
            async with asyncio.timeout(TIMEOUT_S):
                for probe in self._probes():
                    try:
                        await probe()
                    except (Refusal, StatementFailed) as exc:
                        unreached += exc.code == _UNREACHED
                        if unreached == _ENOUGH:
                            return False
                        continue
                    return True
        except TimeoutError:
            pass
        return False
