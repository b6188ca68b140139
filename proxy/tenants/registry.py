"""Who is served: every policy in force as a Tenant, kept up with the policy folder."""

import asyncio
import math
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from functools import partial

from proxy.database.pools import Server, TenantPool
from proxy.database.reader import Login, Reader
from proxy.errors import Refusal, StatementFailed
from proxy.policy.model import Policy
from proxy.telemetry import events, metrics
from proxy.tenants.folder import POLL_EVERY_S, Changes, PolicyFolder
from proxy.tenants.health import Probe
from proxy.tenants.inquiry import Relations
from proxy.tenants.pace import Pace
from proxy.tenants.second_reader import SecondReader
from proxy.tenants.tenant import Tenant

_RETIRE_POLL_S = 0.1


class Tenants(Mapping[str, Tenant]):
    """The tenants by name. `watch` keeps them up to date; `close` lets go of their connections."""

    def __init__(self, folder: PolicyFolder, server: Server, gateway_login: Login, *, workers: int = 1) -> None:
        self._folder = folder
        self._server = server
        self._gateway_login = gateway_login
        self._workers = workers
        self._tenants: dict[str, Tenant] = {}
        # Those that have connections, and are looked after; all the others cost nothing.
        self._awake: set[TenantPool] = set()
        self._reload = asyncio.Event()
        # Asking for a sign of life must not wait behind a tenant's own statements. One that answered is first.
        self._probes: dict[str, TenantPool] = {}
        # Tenants of one database share a reader, and what it read. A new one is tried out: its operator hears early.
        self._relations: dict[str, Relations] = {}
        self._untried: dict[str, SecondReader] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pace = Pace()
        for policy in folder.policies.values():
            self._tenants[policy.tenant] = self._create(policy)
        metrics.set_tenants(len(self._tenants))

    def __getitem__(self, name: str) -> Tenant:
        """Return the tenant of this name."""
        return self._tenants[name]

    @property
    def by_name(self) -> Mapping[str, Tenant]:
        """The tenants as they are at any moment, without a call in between: each request asks."""
        return self._tenants

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._tenants)

    def __len__(self) -> int:
        """Count the tenants."""
        return len(self._tenants)

    def probes(self) -> Iterator[Probe]:
        """Yield a way to ask PostgreSQL for a sign of life, for each tenant: on a connection of its own."""
        for name in [*self._probes, *self._tenants]:
            if name in self._tenants:
                yield partial(self._probe, name)

    async def _probe(self, name: str) -> None:
        """Ask as one tenant. Whoever answered is asked first from now on, and no other connection is kept for it."""
        probe = self._probes.get(name)
        if probe is None:
            probe = self._probes[name] = TenantPool(self._tenants[name].policy, self._server, size=1)
        try:
            await probe.probe()
        except (Refusal, StatementFailed):
            self._retire_probe(name)
            raise
        for other in self._probes.keys() - {name}:
            self._retire_probe(other)

    async def watch(self) -> None:
        """Look after the folder and the connections, each second, until cancelled."""
        self._try_readers()
        while True:
            await self.refresh(whole=await self._asked_to_reload())
            self._try_readers()
            await self.tend()

    async def tend(self) -> None:
        """Close connections that nobody uses, and count the others: what tenants without any cost here is nothing."""
        for relations in [*self._relations.values()]:
            await relations.reader.trim()
        for pool in [*self._probes.values()]:
            pool.trim()
        for pool in [*self._awake]:
            self._look_after(pool)

    async def _asked_to_reload(self) -> bool:
        """Wait for a second, or until `reload`, and say which it was."""
        try:
            async with asyncio.timeout(POLL_EVERY_S):
                await self._reload.wait()
        except TimeoutError:
            return False
        self._reload.clear()
        return True

    def _look_after(self, pool: TenantPool) -> None:
        pool.trim()
        metrics.set_connections(pool.tenant, used=pool.in_use, limit=pool.size)
        tenant = self._tenants.get(pool.tenant)
        if tenant is not None:
            metrics.set_second_reader(pool.tenant, on=tenant.second_reader is not None)
        if pool.asleep:
            self._awake.discard(pool)

    def reload(self) -> None:
        """Have every file looked at now."""
        self._reload.set()

    async def refresh(self, *, whole: bool = False) -> None:
        """Put in force what changed in the folder; requests have their turn between two looks at it."""
        for changes in self._folder.look_at_all() if whole else self._folder.poll():
            self._put_in_force(changes)
            await asyncio.sleep(0)

    def _put_in_force(self, changes: Changes) -> None:
        """Serve by the policies that are new, and tell of those that cannot be."""
        if not changes:
            return
        for policy in changes.loaded:
            self._replace(policy)
            events.policy_loaded(policy.tenant, policy.source, policy.digest)
        for policy in changes.removed:
            tenant = self._tenants.pop(policy.tenant)
            tenant.retire()
            self._retire(tenant.pool)
            self._retire_probe(policy.tenant)
            events.policy_removed(policy.tenant, policy.source)
        self._retire_readers()
        for source, faults in changes.rejected.items():
            events.policy_rejected(source, faults)
        metrics.set_tenants(len(self._tenants))

    def _replace(self, policy: Policy) -> None:
        """Serve a tenant by a new policy. Connections are kept where it asks for the same ones."""
        old = self._tenants.get(policy.tenant)
        if old is not None:
            old.retire()
        if old is None:
            self._tenants[policy.tenant] = self._create(policy)
        elif _connects_alike(old.policy, policy):
            self._tenants[policy.tenant] = self._create(policy, old.pool)
        else:
            self._retire(old.pool)
            self._retire_probe(policy.tenant)
            self._tenants[policy.tenant] = self._create(policy)

    def _create(self, policy: Policy, pool: TenantPool | None = None) -> Tenant:
        if pool is None:
            size = math.ceil(policy.limits.concurrency / self._workers)
            pool = TenantPool(policy, self._server, size=size, awake=self._awake)
        relations = self._relations_for(policy)
        second_reader = None
        if relations is not None:
            second_reader = self._untried[policy.database] = SecondReader(policy, relations.reader, pool)
        return Tenant(policy, pool, second_reader, share=1 / self._workers, pace=self._pace, relations=relations)

    def _relations_for(self, policy: Policy) -> Relations | None:
        """Return what the gateway's own role reads of the policy's database; None where it is not to read there."""
        on = policy.second_reader_off_because is None
        if not on or policy.tenant in self._tenants:
            # Of the tenants that have one, and that nobody asks for, there is nothing to say.
            metrics.set_second_reader(policy.tenant, on=on)
        if policy.second_reader_off_because is not None:
            events.second_reader_off(policy.tenant, policy.second_reader_off_because)
            return None
        if policy.database not in self._relations:
            self._relations[policy.database] = Relations(Reader(self._server, self._gateway_login, policy.database))
        return self._relations[policy.database]

    def _try_readers(self) -> None:
        if self._untried:
            self._start(_try_out([*self._untried.values()]))
            self._untried.clear()

    def _retire_readers(self) -> None:
        """Close the readers of databases that no tenant has statements read in any more."""
        read_in = {tenant.policy.database for tenant in self._tenants.values() if tenant.second_reader is not None}
        for database in self._relations.keys() - read_in:
            self._start(self._relations.pop(database).reader.close())

    def _retire(self, pool: TenantPool) -> None:
        """Close a pool once the statements that use it are done."""
        self._awake.discard(pool)
        self._start(_close_when_quiet(pool))

    def _retire_probe(self, name: str) -> None:
        probe = self._probes.pop(name, None)
        if probe is not None:
            self._retire(probe)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Close every connection."""
        for task in self._tasks:
            task.cancel()
        for tenant in self._tenants.values():
            tenant.retire()
        pools: list[TenantPool | Reader] = [
            *(tenant.pool for tenant in self._tenants.values()),
            *self._probes.values(),
            *(relations.reader for relations in self._relations.values()),
        ]
        await asyncio.gather(*(pool.close() for pool in pools), return_exceptions=True)


async def _try_out(readers: Iterable[SecondReader]) -> None:
    """One after the other: there may be more databases than PostgreSQL has connections."""
    for reader in readers:
        await reader.probe()


async def _close_when_quiet(pool: TenantPool) -> None:
    while pool.in_use:  # noqa: ASYNC110 - rare, and nobody waits for it
        await asyncio.sleep(_RETIRE_POLL_S)
    await pool.close()


def _connects_alike(one: Policy, other: Policy) -> bool:
    """Say whether the connections made for one policy serve the other as they are."""
    return all(
        (
            one.login == other.login,
            one.database == other.database,
            one.limits.concurrency == other.limits.concurrency,
            one.limits.timeout_ms == other.limits.timeout_ms,
        )
    )
