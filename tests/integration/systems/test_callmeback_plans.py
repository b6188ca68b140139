"""The access patterns of callmeback's seed, and the index with which PostgreSQL answers each once there are rows.

The plans are those of a database with a year of a small service's rows in it,
analysed, with PostgreSQL's settings as they come: nothing is switched off.
Only `personas` stays as small as it is by nature, and is read whole.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import orjson
import pytest
from databases import Connect
from systems_at_hand import SYSTEMS, Case, Edge

from proxy.vetting.verdict import Allowed

SYSTEM = "callmeback"
PATTERNS = [case for case in SYSTEMS[SYSTEM].cases() if "uses" in case]

# user_123 of the demo is one of 1,001 users; each has 30 calls, and 15 relationships of which one is a favourite.
A_YEAR = """
INSERT INTO users (id, email, password_hash)
  SELECT 'u' || n, n || '@example.com', '!' FROM generate_series(1, 999) n;
INSERT INTO personas (id, name, core_system_prompt) SELECT 'p' || n, 'P', '-' FROM generate_series(1, 12) n;
INSERT INTO user_credits (user_id) SELECT id FROM users ON CONFLICT DO NOTHING;
INSERT INTO user_persona_relationships (id, user_id, persona_id, is_favorite)
  SELECT u.id || p.id, u.id, p.id, p.id = 'p1' FROM users u, personas p ON CONFLICT DO NOTHING;
INSERT INTO calls (id, user_id, persona_id, phone_number, status, duration_seconds, created_at)
  SELECT u.id || '-' || n, u.id, 'p' || 1 + n % 12, '+1555', CASE n % 10 WHEN 0 THEN 'failed' ELSE 'completed' END, 60,
         CURRENT_TIMESTAMP - n * INTERVAL '12 days'
  FROM generate_series(1, 30) n, users u;
INSERT INTO call_cost_breakdowns (id, call_id, total_cost_cents) SELECT id, id, 13 FROM calls ON CONFLICT DO NOTHING;
INSERT INTO scheduled_calls (id, user_id, persona_id, phone_number, scheduled_time, status)
  SELECT u.id || '-' || n, u.id, 'p1', '+1555', CURRENT_TIMESTAMP + (n - 9) * INTERVAL '10 days',
         CASE WHEN n < 9 THEN 'executed' ELSE 'scheduled' END
  FROM generate_series(1, 10) n, users u;
ANALYZE;
"""


def indexes(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the indexes that a plan uses."""
    if "Index Name" in node:
        yield node["Index Name"]
    for child in node.get("Plans", ()):
        yield from indexes(child)


def tables_read_whole(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the tables that a plan reads from end to end."""
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from tables_read_whole(child)


def check(case: Case, plan: Mapping[str, Any], way: str) -> None:
    """Hold that a plan uses the index of the pattern, and reads no table whole that grows."""
    assert case["uses"] in set(indexes(plan)), (way, case["about"], plan)
    assert set(tables_read_whole(plan)) <= {"personas"}, (way, case["about"], plan)


def test_each_pattern_of_the_seed_names_its_index() -> None:
    """Five patterns, the third of two statements."""
    assert [case["uses"] for case in PATTERNS] == [
        "idx_relationships_favorite",
        "idx_calls_user_id",
        "user_credits_pkey",
        "idx_calls_user_id",
        "idx_scheduled_calls_scheduled_time",
        "idx_calls_user_id",
    ]


@pytest.mark.every_postgresql
async def test_each_pattern_uses_the_index_that_the_seed_names(edge: Edge, database: str, connect: Connect) -> None:
    """As written in psql, and as the gateway runs it: regenerated, on the login, behind the row filters."""
    admin = await connect(database)
    await admin.execute(A_YEAR)
    for case in PATTERNS:
        parameters = case.get("parameters", ())
        plain = await admin.fetchval(f"EXPLAIN (FORMAT json) {case['sql']}", *parameters)
        check(case, orjson.loads(plain)[0]["Plan"], "psql")
        verdict = edge.vet(case["as"], case["sql"])
        assert isinstance(verdict, Allowed)
        result = await edge.run_unvetted(case["as"], f"EXPLAIN (FORMAT json) {verdict.sql}", *parameters)
        (row,) = result.rows
        check(case, orjson.loads(msgspec.json.encode(row["QUERY PLAN"]))[0]["Plan"], "gateway")
