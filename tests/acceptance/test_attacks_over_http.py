"""Every hostile statement, as a caller with a good token would send it."""

import json
import time
from typing import Any

import pytest
from gateways import Gateway, World
from statement_corpus import FIXTURES, attacks

# What a caller is promised of a denial, and what a shared machine may add to it.
ANSWER_S = 0.1
PATIENCE = 5
TIMEOUT_S = 2

BY_CLAIM = "tenant_id = (current_setting('request.jwt.claims', true)::json ->> 'tenant')::int"
POLICY = f"""\
tenant: {{tenant}}
database: {{database}}
login: {{login}}
limits: {{{{timeout: {TIMEOUT_S}s, rows: 1000, bytes: 1MiB, rate: {{rate}}, concurrency: {{concurrency}}}}}}
claims: {{{{request.jwt.claims: claims}}}}
functions: [aggregates, math, text, datetime, json]
roles:
  reader:
    orders: {{{{select: [id, tenant_id, total, note, created_at], rows: "{BY_CLAIM}"}}}}
    users: {{{{select: [id, email], rows: "{BY_CLAIM}"}}}}
    docs: {{{{select: [id, tenant_id, body]}}}}
  writer:
    orders:
      select: [id, tenant_id, total, note, created_at]
      insert: [id, tenant_id, total, note]
      update: [note]
      delete: true
      rows: "{BY_CLAIM}"
    users: {{{{select: [id, email], rows: "{BY_CLAIM}"}}}}
"""


def fixture_sql() -> str:
    """Return the fixture's script for a database of any name that is there already."""
    script = (FIXTURES / "attacks-fixtures.sql").read_text().split("\\c gw\n", 1)[1]
    lines = [line for line in script.splitlines() if "DATABASE gw" not in line]
    grant = "GRANT CREATE ON DATABASE %I TO app_owner"
    at = next(i for i, line in enumerate(lines) if line.startswith("SET ROLE"))
    lines.insert(at, f"DO $$BEGIN EXECUTE format('{grant}', current_database()); END$$;")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def attacked(shared_world: World) -> Gateway:
    """Start a gateway in front of the database that the attacks are aimed at."""
    shared_world.make_tenant(schema=fixture_sql(), policy=POLICY)
    gateway = shared_world.start_gateway()
    assert ask(gateway, {"sql": "SELECT note FROM orders", "params": [], "writes_granted": False}).json()["rows"] == [
        {"note": "acme order"}
    ]
    return gateway


def ask(gateway: Gateway, attack: dict[str, Any]) -> Any:
    """Send a statement as the first tenant's user."""
    role = "writer" if attack["writes_granted"] else "reader"
    token = gateway.token(role=role, claims={"tenant": 1})
    return gateway.query(attack["sql"], *attack["params"], token=token)


@pytest.mark.parametrize("attack", attacks(), ids=lambda attack: attack["id"])
def test_attack_gets_what_it_must(attacked: Gateway, attack: dict[str, Any]) -> None:
    """Each gets what its `must` says, soon, and no answer holds what is not the caller's; nothing is a bug."""
    began = time.monotonic()
    response = ask(attacked, attack)
    took_s = time.monotonic() - began
    document = response.json()
    told = json.dumps([document.get(key) for key in ("rows", "message", "hint")])
    assert attack["forbidden_in_answer"] is None or attack["forbidden_in_answer"] not in told
    assert not any(secret in response.text for secret in ("S3CR3T", "HASH-globex", "globex order"))
    assert response.status_code != 500
    match attack["must"]:
        case "deny":
            assert response.status_code in {400, 403}, document
            assert document["applied"] == "no"
            assert took_s < ANSWER_S * PATIENCE
            assert document.get("rule") or document["error"] in {"bad-request", "sql-syntax"}
        case "allow":
            assert response.status_code == 200, document
        case "answer-fast":
            assert took_s < ANSWER_S * PATIENCE
        case "bounded":
            assert took_s < TIMEOUT_S * 2
        case must:
            assert must == "deny-or-same-as-postgresql"
            assert response.status_code in {200, 400, 403, 409}
    assert ask(attacked, {"sql": "SELECT 1", "params": [], "writes_granted": False}).status_code == 200
    assert attacked.process.poll() is None
