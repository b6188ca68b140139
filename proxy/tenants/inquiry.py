"""What PostgreSQL knows of a tenant: what its login can do beyond the policy, and which relations there are.

The gateway's own role asks, on a connection that is kept and on which no
tenant's statement ever runs: anyone may ask this about any login, and the
answer is the same. Where that role cannot (a policy that goes without the
second reader, a role that is not set up), the login tells of itself; nothing
is served before either has answered.

The relations are those of the database, whoever asks. What the gateway's role
read of them is shared by the tenants of a database; what a tenant's own login
said is for that tenant alone.
"""

import asyncio
from time import monotonic
from typing import NamedTuple

from proxy.database.pools import TenantPool, unavailable
from proxy.database.reader import CannotRead, Reader
from proxy.policy.model import Policy
from proxy.vetting.catalog import Catalog


class KnownCatalog(NamedTuple):
    """A database's relations as of a moment (`time.monotonic`): what was committed before it is in them."""

    catalog: Catalog
    as_of: float


class Look(NamedTuple):
    """What one look found: rights beyond the policy, in words, and relations."""

    excess: tuple[str, ...]
    catalog: KnownCatalog


class Relations:
    """The relations of one database, read once for all who ask at about the same time."""

    __slots__ = ("_known", "_reading", "_reading_since", "reader")

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._known: KnownCatalog | None = None
        self._reading: asyncio.Task[KnownCatalog] | None = None
        self._reading_since = 0.0

    async def as_of(self, moment: float) -> KnownCatalog:
        """Return the relations as they were then, or later. Raises `CannotRead`."""
        if self._known is not None and self._known.as_of >= moment:
            return self._known
        if self._reading is None or self._reading.done() or self._reading_since < moment:
            self._reading_since = monotonic()
            self._reading = asyncio.create_task(self._read(self._reading_since))
            self._reading.add_done_callback(_retrieve)
        # Shielded: others may wait for the same.
        return await asyncio.shield(self._reading)

    async def _read(self, now: float) -> KnownCatalog:
        read = KnownCatalog(await self.reader.catalog(), now)
        if self._known is None or self._known.as_of < now:
            self._known = read
        return read


class Inquiry:
    """Asks about one tenant. `relations` are those of its database; None where the gateway's role is not to ask."""

    __slots__ = ("_policy", "_pool", "_relations")

    def __init__(self, policy: Policy, pool: TenantPool, relations: Relations | None) -> None:
        self._policy = policy
        self._pool = pool
        self._relations = relations

    async def look(self, moment: float) -> Look:
        """Return what is so now; the relations as of a moment, or later. Raises `Refusal` as `TenantPool.acquire`."""
        if self._relations is not None:
            try:
                excess, catalog = await asyncio.gather(
                    self._relations.reader.excess(self._policy), self._relations.as_of(moment)
                )
                return Look(tuple(excess), catalog)
            except CannotRead as problem:
                # That the role is not set up is told where a statement needs it.
                if problem.hangs:
                    raise unavailable(problem) from problem
        now = monotonic()
        # On two connections, both at once: somebody may wait for it.
        excess, read = await asyncio.gather(self._pool.excess(self._policy), self._pool.catalog())
        return Look(tuple(excess), KnownCatalog(read, now))


def _retrieve(task: asyncio.Task[KnownCatalog]) -> None:
    """Take note of how a reading ended, also where whoever waited for it has gone."""
    if not task.cancelled():
        task.exception()
