"""Whether one owner's statements can tell that another owner's rows exist, or change them.

Two databases of one system: in one, two owners have rows; in the other, only
the caller. Whatever the caller asks has to be answered alike in both, and to
leave the other's rows as they are. So a count, an error or a row that is
missing gives a leak away just as a value does.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import asyncpg
import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from isolation_data import Stock
from isolation_queries import Drawn, Relation
from isolation_statements import statements
from systems_at_hand import Claims, Edge

from proxy.errors import StatementFailed

# For tests that draw `isolation.statements()`: one pair of databases serves all examples, put back after each change.
search = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d)?")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Owner(NamedTuple):
    """Somebody with rows: what their token says, and what the catalog's expressions call them."""

    claims: Claims
    identity: str


class Side(NamedTuple):
    """A database of the system: the gateway's way to it, and an administrator's."""

    edge: Edge
    admin: asyncpg.Connection


@dataclass(frozen=True)
class Outcome:
    """What became of a statement: its rows and how many it touched, or PostgreSQL's error."""

    rows: Counter[str] = field(default_factory=Counter)
    count: int = 0
    failed: str = ""
    message: str = ""


class Isolation:
    """A caller in a role, and somebody else whose rows are in the same tables.

    `owners` is the catalog: for each owned table an SQL expression over its
    columns, that is its owner as text. A table that is not there is
    everybody's. `calls` are expressions (of the system's own functions) with
    `{value}` where anybody's value goes. `answered` and `changed` count the
    statements that gave the caller rows, and that changed some: a test asks
    that they are not zero.
    """

    def __init__(
        self,
        both: Side,
        alone: Side,
        role: str,
        caller: Owner,
        other: Owner,
        *,
        owners: Mapping[str, str],
        calls: Sequence[str] = (),
    ) -> None:
        self.both, self.alone, self.role, self.caller, self.other = both, alone, role, caller, other
        self.calls = calls
        self.answered = self.changed = 0
        self.relations: Sequence[Relation] = ()
        self._stock = Stock(owners, other.identity)
        self._since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"

    async def prepare(self) -> None:
        """Take the other's rows out of one of the databases, and keep what is left in both."""
        grants = self.both.edge.policy.roles[self.role].grants.values()
        self.relations = await self._stock.relations(self.both.admin, grants)
        self._secrets = await self._stock.secrets(self.both.admin)
        self._known = await self._stock.identifiers(self.both.admin, _UUID)
        self._before = await self._stock.others_rows(self.both.admin)
        await self._stock.remove(self.alone.admin)
        for side in (self.both, self.alone):
            await self._stock.keep(side.admin)

    def statements(self) -> st.SearchStrategy[Drawn]:
        """Draw statements over what the role is granted."""
        return statements(self.relations, self.calls)

    async def check(self, drawn: Drawn) -> None:
        """Run a statement as the caller, through both walls and with vetting out of the way."""
        for vetted in (True, False) if drawn.vettable else (False,):
            # The other's statement before it, on the same connection: no claim may stay behind.
            await self.both.edge.run("default", "SELECT 1", claims=self.other.claims)
            here = await self._run(self.both.edge, drawn, vetted=vetted)
            there = await self._run(self.alone.edge, drawn, vetted=vetted)
            if drawn.writes and not (here.failed and there.failed):
                after = await self._stock.others_rows(self.both.admin)
                for side in (self.both, self.alone):
                    await self._stock.put_back(side.admin)
                assert after == self._before, f"{drawn.sql} changes what is the other's"
            self._judge(drawn, here, there)

    async def _run(self, edge: Edge, drawn: Drawn, *, vetted: bool) -> Outcome:
        run = edge.run if vetted else edge.run_unvetted
        try:
            result = await run(self.role, drawn.sql, claims=self.caller.claims)
        except StatementFailed as exc:
            return Outcome(failed=exc.code, message=f"{exc.message} {exc.detail} {exc.hint}")
        return Outcome(Counter(self._told(row) for row in result.rows), result.row_count or 0)

    def _told(self, row: Mapping[str, Any]) -> str:
        """Return a row as text, without what is new each time: the time, and random identifiers."""
        text = _MOMENT.sub(
            lambda at: "now" if at[0].replace("T", " ") >= self._since else at[0], msgspec.json.encode(row).decode()
        )
        return _UUID.sub(lambda found: found[0] if found[0] in self._known else "new", text)

    def _judge(self, drawn: Drawn, here: Outcome, there: Outcome) -> None:
        seen = f"{' '.join(here.rows)} {here.message}"
        shown = [secret for secret in self._secrets if secret in seen and secret not in drawn.sql]
        assert not shown, f"{drawn.sql} shows {shown}"
        told = f"{drawn.sql}\nwith the other: {here}\nalone: {there}"
        if drawn.writes:
            # A unique key is unique among all owners: a value of the other's may be refused, and no more.
            did_nothing = bool(here.failed) or not (here.rows or here.count)
            assert did_nothing or (not there.failed and here.rows <= there.rows and here.count <= there.count), told
        else:
            assert (here.rows, here.failed) == (there.rows, there.failed), told
        self.answered += bool(here.rows)
        self.changed += drawn.writes and bool(here.count)


class MakeIsolation(Protocol):
    """What the fixture `make_isolation` is."""

    async def __call__(
        self, role: str, caller: Owner, other: Owner, owners: Mapping[str, str], calls: Sequence[str] = ()
    ) -> Isolation:
        """Return an `Isolation` of the module's system, ready to be asked."""
