"""PostgreSQL as the second reader of statements, on real servers."""

from dataclasses import replace

import asyncpg
import pytest
from databases import Connect, MakeDatabase

from proxy.database.analyse import analyse
from proxy.database.catalog import load_catalog
from proxy.policy.document import parse_policy
from proxy.policy.model import TableName
from proxy.vetting import vet
from proxy.vetting.catalog import Catalog
from proxy.vetting.second_reading import disagreements
from proxy.vetting.verdict import Allowed, Touched

pytestmark = pytest.mark.every_postgresql

SCHEMA = """
CREATE SCHEMA database_proxy;
CREATE TABLE customers (id int PRIMARY KEY, email text, password_hash text, tags text[], profile jsonb);
CREATE TABLE calls (id int PRIMARY KEY, customer_id int REFERENCES customers, seconds int, note text, at timestamptz);
CREATE VIEW long_calls AS SELECT id, customer_id FROM calls WHERE seconds > 60;
CREATE FUNCTION calls_of(int) RETURNS SETOF calls LANGUAGE sql AS 'SELECT * FROM calls WHERE customer_id = $1';
"""
POLICY = parse_policy(
    """
tenant: acme
database: acme
login: acme_edge
functions: [aggregates, math, text, datetime, json, arrays, window]
roles:
  default:
    customers: {select: all, insert: all, update: all, delete: true, lock: true}
    calls: {select: all, insert: all, update: all, delete: true, unbounded: true}
    long_calls: {select: all}
    calls_of: {select: all}
""",
    "acme.yaml",
)
STATEMENTS = [
    "SELECT 1",
    "SELECT * FROM customers",
    (
        "SELECT c.email, count(*) FILTER (WHERE k.seconds > $1) FROM customers c"
        " LEFT JOIN calls k ON k.customer_id = c.id GROUP BY c.email ORDER BY count DESC"
    ),
    "SELECT id FROM customers c JOIN long_calls USING (id) WHERE EXISTS (SELECT FROM calls WHERE customer_id = c.id)",
    "SELECT to_jsonb(c) FROM customers c",
    "SELECT f.note, e.key FROM calls_of(1) f, customers, jsonb_each(profile) e",
    (
        "WITH gone AS (DELETE FROM calls WHERE at < now() RETURNING customer_id)"
        " UPDATE customers SET tags = tags || $1 FROM gone WHERE gone.customer_id = customers.id RETURNING email"
    ),
    (
        "INSERT INTO customers (id, email) VALUES (1, lower($1)) ON CONFLICT (id) DO UPDATE SET email = excluded.email"
        " WHERE customers.email IS DISTINCT FROM excluded.email RETURNING *"
    ),
    "INSERT INTO calls SELECT * FROM calls_of($1)",
    "DELETE FROM calls USING customers c WHERE c.id = calls.customer_id AND c.email LIKE '%' || $1",
    "UPDATE calls SET (seconds, note) = (SELECT sum(seconds)::int, string_agg(note, ',') FROM calls)",
    "SELECT email FROM customers WHERE tags && $1 FOR UPDATE SKIP LOCKED",
    "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT sum(i) FROM n",
    "SELECT row_number() OVER (PARTITION BY customer_id ORDER BY at), at AT TIME ZONE 'UTC' FROM calls",
]


@pytest.fixture
async def reader(make_database: MakeDatabase, connect: Connect) -> asyncpg.Connection:
    """Return a connection that may create in the gateway's own schema."""
    connection = await connect(make_database("analyse", SCHEMA))
    await connection.execute("SET search_path = pg_catalog, public, pg_temp")
    return connection


async def allowed(connection: asyncpg.Connection, sql: str) -> Allowed:
    """Vet a statement that is granted."""
    verdict = vet(sql, POLICY, "default", await load_catalog(connection))
    assert isinstance(verdict, Allowed), verdict
    return verdict


@pytest.mark.parametrize("sql", STATEMENTS)
async def test_both_readers_agree(reader: asyncpg.Connection, sql: str) -> None:
    """What vetting says a statement touches is all that PostgreSQL says it touches."""
    verdict = await allowed(reader, sql)
    reading = await analyse(reader, verdict.sql)
    assert not list(disagreements(verdict.touched, reading))


async def test_every_use_is_missed(reader: asyncpg.Connection) -> None:
    """A verdict that knows nothing of a statement is told each thing that PostgreSQL sees in it."""
    verdict = await allowed(
        reader,
        "WITH seen AS (SELECT c.email, lower(c.password_hash) FROM customers c FOR UPDATE),"
        " gone AS (DELETE FROM calls WHERE id = 1)"
        " INSERT INTO calls (id) SELECT 1 FROM seen",
    )
    told = list(disagreements(Touched(), await analyse(reader, verdict.sql)))
    assert told == [
        "reads calls.id",
        "inserts calls.id",
        "deletes calls",
        "inserts calls",
        "selects calls",
        "reads customers.email",
        "reads customers.password_hash",
        "locks customers",
        "selects customers",
        "calls function lower",
    ]


async def test_a_hidden_column_is_told_by_name(reader: asyncpg.Connection) -> None:
    """One column that the verdict leaves out is the one disagreement."""
    verdict = await allowed(reader, "SELECT email, password_hash FROM customers")
    customers = TableName("public", "customers")
    touched = replace(verdict.touched, reads={customers: frozenset({"email"})})
    assert list(disagreements(touched, await analyse(reader, verdict.sql))) == ["reads customers.password_hash"]


async def test_a_lock_is_told_of_its_own_table(reader: asyncpg.Connection) -> None:
    """A row lock needs more than the right to update or a lock of another table; one of no table is none."""
    customers, calls = TableName("public", "customers"), TableName("public", "calls")
    verdict = await allowed(reader, "SELECT 1 FROM customers FOR SHARE")
    touched = replace(verdict.touched, locks=frozenset({calls}), updates={customers: frozenset({"email"})})
    assert list(disagreements(touched, await analyse(reader, verdict.sql))) == ["locks customers"]
    verdict = await allowed(
        reader, "WITH x AS (UPDATE calls SET seconds = 1) SELECT n FROM (SELECT 1 AS n) x FOR UPDATE OF x"
    )
    assert list(disagreements(verdict.touched, await analyse(reader, verdict.sql))) == []


async def test_nothing_stays_behind(reader: asyncpg.Connection) -> None:
    """A reading leaves neither a function nor a changed row."""
    await reader.execute("INSERT INTO customers (id) VALUES (1)")
    await analyse(reader, (await allowed(reader, "DELETE FROM customers WHERE id = 1")).sql)
    assert await reader.fetchval("SELECT count(*) FROM customers") == 1
    assert await reader.fetchval("SELECT count(*) FROM pg_proc WHERE proname = 'reading'") == 0


async def test_an_operator_of_the_database_is_told(reader: asyncpg.Connection) -> None:
    """An operator that is not PostgreSQL's own is somebody's function, and so it is told."""
    await reader.execute(
        "CREATE FUNCTION public.leak(int, text) RETURNS text LANGUAGE sql AS 'SELECT $2';"
        " CREATE OPERATOR public.+ (LEFTARG = int, RIGHTARG = text, FUNCTION = public.leak)"
    )
    verdict = vet("SELECT id + note FROM calls", POLICY, "default", Catalog())
    assert isinstance(verdict, Allowed)
    assert list(disagreements(verdict.touched, await analyse(reader, verdict.sql))) == ["calls public.+ implicitly"]
