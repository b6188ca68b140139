"""What has to be done now and then, for however many tenants, without taking the time of those who wait.

One thing at a time, and for each moment of work nine of rest: however many
tenants are asked in turn, reading anew what PostgreSQL knows of them takes no
more than a tenth of one connection's time. What takes long is mostly waited
for (a server that does not answer): the rest after it is bounded, so that one
tenant's trouble does not keep the others from being looked at.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

_REST = 9.0
_LONGEST_REST_S = 1.0


class Pace:
    """Gives out turns, in the order in which they were asked for. For one event loop."""

    __slots__ = ("_turn",)

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def keep(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something when its turn has come, and return when it is done and rested from."""
        async with self._turn:
            began = monotonic()
            try:
                await work()
            finally:
                await asyncio.sleep(min(_REST * (monotonic() - began), _LONGEST_REST_S))
