"""Trying again what another session was in the way of, with pauses that grow."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from proxy.errors import StatementFailed
from proxy.migrations.failure import BUSY, MigrationFailed

T = TypeVar("T")
Busy = MigrationFailed | StatementFailed
# Is told of a failure, and how many seconds from now it is tried again.
OnBusy = Callable[[Busy, float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often to try again, and after which pauses."""

    retries: int = 10
    first_pause_s: float = 1.0
    longest_pause_s: float = 30.0

    def pauses(self) -> Iterator[float]:
        """Yield each pause in seconds: every one is twice as long as the last."""
        for number in range(self.retries):
            yield min(self.first_pause_s * 2**number, self.longest_pause_s)

    async def exert(self, work: Callable[[], Awaitable[T]], on_busy: OnBusy) -> T:
        """Do a work that leaves nothing when it fails; again, as long as nothing but another session was in the way."""
        for pause_s in self.pauses():
            try:
                return await work()
            except (MigrationFailed, StatementFailed) as exc:
                if not _may_be_tried_again(exc):
                    raise
                await on_busy(exc, pause_s)
            await asyncio.sleep(pause_s)
        return await work()


def _may_be_tried_again(failure: Busy) -> bool:
    if isinstance(failure, MigrationFailed):
        return failure.failure.code in BUSY and failure.applied == "no"
    return failure.code in BUSY
