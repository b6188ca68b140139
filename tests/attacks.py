"""The database that the hostile statements of `fixtures/` are aimed at, and its tenants' policies."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from databases import MakeDatabase, run_sql

from proxy.policy.ddl import wall_two
from proxy.policy.document import parse_policy
from proxy.policy.model import Policy

FIXTURES = Path(__file__).parent / "fixtures"
PASSWORD = "a-made-up-password"

POLICY = """
tenant: {tenant}
database: {database}
login: {login}
claims: {{request.jwt.claims: claims}}
roles:
  default:
    orders:
      select: [id, tenant_id, total, note, created_at]
      {writes}
      rows: "{rows}"
    users: {{select: [id, email], rows: "{rows}"}}
"""
READS = "delete: false"
WRITES = "insert: [id, tenant_id, total, note]\n      update: [note]\n      delete: true"
BY_CLAIM = "tenant_id = (current_setting('request.jwt.claims', true)::json ->> 'tenant')::int"


class Attack(NamedTuple):
    """One line of the file."""

    id: str
    sql: str
    params: list[object]
    writes_granted: bool
    must: str
    forbidden: str | None


def read_attacks() -> Iterator[Attack]:
    """Yield every attack."""
    lines = [line for name in ("attacks.jsonl", "hostile.jsonl") for line in (FIXTURES / name).read_text().splitlines()]
    for entry in map(json.loads, lines):
        yield Attack(
            entry["id"],
            entry["sql"],
            entry["params"],
            entry["writes_granted"],
            entry["must"],
            entry["forbidden_in_answer"],
        )


def fixture_sql(database: str) -> str:
    """Return the fixture's script for a database that is there already."""
    script = (FIXTURES / "attacks-fixtures.sql").read_text()
    return script.split("\\c gw\n", 1)[1].replace("DATABASE gw", f'DATABASE "{database}"')


def policy_for(
    database: str, login: str, *, rows: str = BY_CLAIM, writes: bool = False, tenant: str = "acme"
) -> Policy:
    """Return the policy that the attacks assume."""
    text = POLICY.format(tenant=tenant, database=database, login=login, rows=rows, writes=WRITES if writes else READS)
    return parse_policy(text, f"{tenant}.yaml")


def make_attacked(make_database: MakeDatabase, dsn: Callable[[str], str]) -> str:
    """Make the fixture's database. Return its name."""
    name = make_database("gw")
    run_sql(dsn(name), fixture_sql(name))
    return name


def apply_wall_two(dsn: str, policy: Policy) -> None:
    """Give the policy's login its rights and a password."""
    run_sql(dsn, wall_two(policy))
    run_sql(dsn, f"ALTER ROLE \"{policy.login}\" PASSWORD '{PASSWORD}'")
