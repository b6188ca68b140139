"""Who is served: every policy in force as a Tenant, kept up with the policy folder."""

import asyncio
import math
from collections.abc import Coroutine, Iterable, Iterator, Mapping

from proxy.database.pools import Server, TenantPool
from proxy.database.reader import Login, Reader
from proxy.policy.model import Policy
from proxy.telemetry import events, metrics
from proxy.tenants.folder import POLL_EVERY_S, PolicyFolder
from proxy.tenants.health import Probe
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
        # Asking for a sign of life must not wait behind a tenant's own statements.
        self._probes: dict[str, TenantPool] = {}
        # Tenants of one database share a reader. A new one is tried out, so that its operator hears of it early.
        self._readers: dict[str, Reader] = {}
        self._untried: dict[str, SecondReader] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        for policy in folder.policies.values():
            self._tenants[policy.tenant] = self._create(policy)
        metrics.set_tenants(len(self._tenants))

    def __getitem__(self, name: str) -> Tenant:
        """Return the tenant of this name."""
        return self._tenants[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._tenants)

    def __len__(self) -> int:
        """Count the tenants."""
        return len(self._tenants)

    def probes(self) -> list[Probe]:
        """Return a way to ask PostgreSQL for a sign of life, for each tenant: on a connection of its own."""
        return [probe.probe for probe in self._probes.values()]

    async def watch(self) -> None:
        """Look after the folder and the pools, each second, until cancelled."""
        self._try_readers()
        while True:
            await asyncio.sleep(POLL_EVERY_S)
            self.refresh()
            self._try_readers()
            for reader in self._readers.values():
                await reader.trim()
            for probe in self._probes.values():
                probe.trim()
            for name, tenant in self._tenants.items():
                tenant.pool.trim()
                metrics.set_connections(name, used=tenant.pool.in_use, limit=tenant.pool.size)

    def refresh(self) -> None:
        """Put in force what changed in the folder, and tell of what cannot be."""
        changes = self._folder.look()
        for policy in changes.loaded:
            self._replace(policy)
            events.policy_loaded(policy.tenant, policy.source, policy.digest)
        for policy in changes.removed:
            self._retire(self._tenants.pop(policy.tenant).pool)
            self._retire(self._probes.pop(policy.tenant))
            events.policy_removed(policy.tenant, policy.source)
        self._retire_readers()
        for source, faults in changes.rejected.items():
            events.policy_rejected(source, faults)
        metrics.set_tenants(len(self._tenants))

    def _replace(self, policy: Policy) -> None:
        """Serve a tenant by a new policy. Connections are kept where it asks for the same ones."""
        old = self._tenants.get(policy.tenant)
        if old is None:
            self._tenants[policy.tenant] = self._create(policy)
        elif _connects_alike(old.policy, policy):
            self._tenants[policy.tenant] = self._create(policy, old.pool)
        else:
            self._retire(old.pool)
            self._retire(self._probes[policy.tenant])
            self._tenants[policy.tenant] = self._create(policy)

    def _create(self, policy: Policy, pool: TenantPool | None = None) -> Tenant:
        if pool is None:
            pool = TenantPool(policy, self._server, size=math.ceil(policy.limits.concurrency / self._workers))
            self._probes[policy.tenant] = TenantPool(policy, self._server, size=1)
        return Tenant(policy, pool, self._second_reader(policy, pool), share=1 / self._workers)

    def _second_reader(self, policy: Policy, pool: TenantPool) -> SecondReader | None:
        metrics.set_second_reader(policy.tenant, on=policy.second_reader_off_because is None)
        if policy.second_reader_off_because is not None:
            events.second_reader_off(policy.tenant, policy.second_reader_off_because)
            return None
        if policy.database not in self._readers:
            self._readers[policy.database] = Reader(self._server, self._gateway_login, policy.database)
        second_reader = SecondReader(policy, self._readers[policy.database], pool)
        self._untried[policy.database] = second_reader
        return second_reader

    def _try_readers(self) -> None:
        if self._untried:
            self._start(_try_out([*self._untried.values()]))
            self._untried.clear()

    def _retire_readers(self) -> None:
        """Close the readers of databases that no tenant has statements read in any more."""
        read_in = {tenant.policy.database for tenant in self._tenants.values() if tenant.second_reader is not None}
        for database in self._readers.keys() - read_in:
            self._start(self._readers.pop(database).close())

    def _retire(self, pool: TenantPool) -> None:
        """Close a pool once the statements that use it are done."""
        self._start(_close_when_quiet(pool))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Close every connection."""
        for task in self._tasks:
            task.cancel()
        pools: list[TenantPool | Reader] = [
            *(tenant.pool for tenant in self._tenants.values()),
            *self._probes.values(),
            *self._readers.values(),
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
