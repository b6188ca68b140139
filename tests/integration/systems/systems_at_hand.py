"""The systems behind the gateway as their tests handle them: databases, policies, the seeds' statements, a way in."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from proxy.database.execute import Execution
from proxy.database.pools import TenantPool
from proxy.database.results import Result
from proxy.policy.ddl import ROLE_SETTING
from proxy.policy.model import Policy
from proxy.tenants.second_reader import SecondReader
from proxy.vetting import vet
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Allowed, Verdict

CHECKOUT = Path(__file__).parents[3]

Case = Mapping[str, Any]
Claims = Mapping[str, str]


@dataclass(frozen=True)
class System:
    """One database with its migrations, its policy and its users' statements.

    `claims` are what the token of a case says that brings none of its own.
    """

    name: str
    claims: Claims = field(default_factory=dict)

    @property
    def migrations(self) -> Path:
        """The folder of its migrations."""
        return CHECKOUT / "migrations" / self.name

    @property
    def policy(self) -> Path:
        """The file of its policy."""
        return CHECKOUT / "policies" / f"{self.name}.yaml"

    def demo_data(self) -> str:
        """Return what is put into the database for the demo and the tests: nothing where migrations bring it."""
        path = CHECKOUT / "examples" / f"{self.name}_demo.sql"
        return path.read_text() if path.exists() else ""

    def cases(self) -> list[Case]:
        """Return the seed's statements in its order."""
        cases: list[Case] = yaml.safe_load((CHECKOUT / "tests" / "seeds" / f"{self.name}.yaml").read_text())
        return cases

    def chapters(self) -> dict[str, list[Case]]:
        """Return the cases of each chapter (4.1 and 4.2 are of one), in order: each builds on those before it."""
        chapters: dict[str, list[Case]] = {}
        for case in self.cases():
            chapters.setdefault(re.split(r"[. ]", str(case["section"]))[0], []).append(case)
        return chapters


SYSTEMS = {
    system.name: system
    for system in (
        System("callmeback", {"sub": "user_123"}),
        System("ai_calling_platform", {"sub": "64f8a1b2c3d4e5f6a7b8c9d0"}),
        System("escalation", {"sub": "a0000000-0000-4000-8000-000000000001"}),
        System("support_platform", {"organization_id": "a0000000-0000-4000-8000-000000000001"}),
        System("call_ribbon", {"client_id": "c1000000-0000-4000-8000-000000000001"}),
    )
}


def chapters() -> Iterator[tuple[str, str]]:
    """Yield the name of each system with each of its chapters."""
    for system in SYSTEMS.values():
        for chapter in system.chapters():
            yield system.name, chapter


@dataclass
class Edge:
    """The gateway's way to a system: its policy, the catalog, a pool logged in as the policy's login, both readers."""

    system: System
    policy: Policy
    catalog: Catalog
    pool: TenantPool
    second_reader: SecondReader

    def vet(self, role: str, sql: str) -> Verdict:
        """Judge a statement."""
        return vet(sql, self.policy, role, self.catalog)

    async def run(self, role: str, sql: str, *parameters: Any, claims: Claims | None = None) -> Result:
        """Judge a statement, which both readers have to allow, and run what vetting wrote."""
        verdict = self.vet(role, sql)
        assert isinstance(verdict, Allowed), verdict
        verdict = await self.second_reader.check(verdict, "a-test")
        assert isinstance(verdict, Allowed), verdict
        return await self._execute(verdict, role, parameters, claims)

    async def run_unvetted(self, role: str, sql: str, *parameters: Any, claims: Claims | None = None) -> Result:
        """Run a statement as if vetting had allowed it: only PostgreSQL's rights hold it."""
        verdict = self.vet("default", "SELECT 1")
        assert isinstance(verdict, Allowed)
        allowed = Allowed(sql, "SELECT", True, len(parameters), "", verdict.touched)
        return await self._execute(allowed, role, parameters, claims)

    async def _execute(self, allowed: Allowed, role: str, parameters: Sequence[Any], claims: Claims | None) -> Result:
        said = self.system.claims if claims is None else claims
        settings = {setting: said.get(claim, "") for setting, claim in self.policy.claims.items()}
        execution = Execution(
            self.pool,
            allowed,
            parameters,
            settings | {ROLE_SETTING: role},
            timeout_ms=5_000,
            max_rows=1_000,
            max_bytes=1 << 20,
        )
        return await execution.run()
