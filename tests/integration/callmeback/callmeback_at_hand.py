"""callmeback as its tests handle it: the seed's statements, and the gateway's way in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from proxy.database.execute import Result, execute
from proxy.database.pools import TenantPool
from proxy.policy.model import Policy
from proxy.vetting import vet
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Allowed, Verdict

CHECKOUT = Path(__file__).parents[3]
MIGRATIONS = CHECKOUT / "migrations" / "callmeback"
DEMO = CHECKOUT / "examples" / "callmeback_demo.sql"
POLICY = CHECKOUT / "policies" / "callmeback.yaml"

Case = Mapping[str, Any]


def seed_cases() -> list[Case]:
    """Return the seed's statements in its order."""
    cases: list[Case] = yaml.safe_load((CHECKOUT / "tests" / "seeds" / "callmeback.yaml").read_text())
    return cases


def by_chapter(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """Return the cases of each chapter (4.1 and 4.2 are of one), in order: each builds on those before it."""
    chapters: dict[str, list[Case]] = {}
    for case in cases:
        chapters.setdefault(re.split(r"[. ]", case["section"])[0], []).append(case)
    return chapters


@dataclass
class Edge:
    """The gateway's way to callmeback: the policy, the catalog, and a pool logged in as the policy's login."""

    policy: Policy
    catalog: Catalog
    pool: TenantPool

    def vet(self, role: str, sql: str) -> Verdict:
        """Judge a statement."""
        return vet(sql, self.policy, role, self.catalog)

    async def run(self, role: str, sql: str, *parameters: Any, user: str = "user_123") -> Result:
        """Judge a statement, which has to be allowed, and run what vetting wrote for `user`."""
        verdict = self.vet(role, sql)
        assert isinstance(verdict, Allowed), verdict
        return await self._execute(verdict, role, parameters, user)

    async def run_unvetted(self, role: str, sql: str, *parameters: Any, user: str = "user_123") -> Result:
        """Run a statement as if vetting had allowed it: only PostgreSQL's rights hold it."""
        verdict = self.vet("default", "SELECT 1")
        assert isinstance(verdict, Allowed)
        allowed = Allowed(sql, "SELECT", True, len(parameters), "", verdict.touched)
        return await self._execute(allowed, role, parameters, user)

    async def _execute(self, allowed: Allowed, role: str, parameters: Sequence[Any], user: str) -> Result:
        settings = {"app.current_user_id": user, "database_proxy.role": role}
        return await execute(
            self.pool, allowed, parameters, settings, timeout_ms=5_000, max_rows=1_000, max_bytes=1 << 20
        )
