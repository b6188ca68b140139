"""Many tenants of whom few are asked for: what the others cost."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.database.pools import Server, TenantPool
from proxy.database.reader import Login
from proxy.errors import Refusal
from proxy.telemetry import metrics
from proxy.tenants.folder import PolicyFolder
from proxy.tenants.registry import Tenants

TEXT = """\
tenant: {name}
database: shared
login: {name}_edge
roles:
  default:
    notes: {{select: [{columns}]}}
"""
COUNT = 50


def write(folder: Path, name: str, columns: str = "id") -> None:
    """Write a policy file."""
    (folder / f"{name}.yaml").write_text(TEXT.format(name=name, columns=columns))


@pytest.fixture
def tenants(tmp_path: Path) -> Tenants:
    """Make tenants, on a server that is not there."""
    for number in range(COUNT):
        write(tmp_path, f"idle_{number:02}")
    folder = PolicyFolder(tmp_path)
    folder.load()
    return Tenants(folder, Server(f"postgresql:///?host={tmp_path}"), Login())


@pytest.fixture
def trimmed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note whose pool is looked after."""
    names: list[str] = []
    monkeypatch.setattr(TenantPool, "trim", lambda pool: names.append(pool.tenant))
    return names


async def ask(tenants: Tenants, name: str) -> None:
    """Ask for a tenant's connection, in vain."""
    with pytest.raises(Refusal, match="does not take connections"):
        await tenants[name].pool.acquire()


async def test_only_tenants_with_connections_are_looked_after(tenants: Tenants, trimmed: list[str]) -> None:
    """Those that nobody asks for are not gone through each second, and those that are asleep again no more."""
    await tenants.tend()
    assert trimmed == []
    await ask(tenants, "idle_07")
    await tenants.tend()
    await tenants.tend()
    assert trimmed == ["idle_07"]


async def test_metrics_tell_of_tenants_that_were_asked_for(tenants: Tenants) -> None:
    """Ten thousand idle tenants are no series."""
    await ask(tenants, "idle_11")
    await tenants.tend()
    shown = metrics.render().decode()
    assert 'database_proxy_connections{state="used",tenant="idle_11"} 0.0' in shown
    assert 'database_proxy_second_reader{tenant="idle_11"} 1.0' in shown
    assert "idle_12" not in shown


async def test_changed_file_touches_its_own_tenant_alone(tenants: Tenants, tmp_path: Path) -> None:
    """All others are served by what served them before."""
    before = dict(tenants)
    write(tmp_path, "idle_03", "id, body")
    watching = asyncio.create_task(tenants.watch())
    try:
        await until(lambda: tenants["idle_03"] is not before["idle_03"], tenants.reload)
    finally:
        watching.cancel()
    assert {name for name in tenants if tenants[name] is not before[name]} == {"idle_03"}
    assert tenants["idle_03"].pool is before["idle_03"].pool


async def until(done: Callable[[], bool], meanwhile: Callable[[], None]) -> None:
    """Let others go on until something is so."""
    async with asyncio.timeout(30):
        while not done():
            meanwhile()
            await asyncio.sleep(0.01)


async def test_signs_of_life_are_asked_of_those_it_takes(tenants: Tenants, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe has a pool once it is used; who answered is asked first from then on, and the only one kept."""
    made: list[str] = []
    make = TenantPool.__init__

    def noting(pool: TenantPool, *args: object, **options: object) -> None:
        make(pool, *args, **options)  # type: ignore[arg-type]
        made.append(pool.tenant)

    async def answer(_pool: TenantPool) -> None:
        """Be a PostgreSQL that answers."""

    monkeypatch.setattr(TenantPool, "__init__", noting)
    first, second = [probe for probe, _ in zip(tenants.probes(), range(2), strict=False)]
    with pytest.raises(Refusal):
        await first()
    monkeypatch.setattr(TenantPool, "probe", answer)
    await second()
    await next(iter(tenants.probes()))()
    assert made == ["idle_00", "idle_01"]
    await tenants.close()
