"""PostgreSQL as the second reader of statements, on real servers."""

import secrets
from dataclasses import replace

import asyncpg
import pytest
from databases import Connect, MakeDatabase

from proxy.database.analyse import Analyst, NotQuiet, Unread
from proxy.database.catalog import load_catalog
from proxy.embedded import Cluster
from proxy.policy.document import parse_policy
from proxy.policy.model import TableName
from proxy.vetting import vet
from proxy.vetting.catalog import Catalog
from proxy.vetting.second_reading import disagreements
from proxy.vetting.verdict import Allowed, Touched

pytestmark = pytest.mark.every_postgresql

SCHEMA = """
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
def database(make_database: MakeDatabase) -> str:
    """Return the name of a database with the tables."""
    return make_database("analyse", SCHEMA)


@pytest.fixture
async def analyst(database: str, connect: Connect) -> Analyst:
    """Return an analyst whose session keeps out of the server's log."""
    # As the second reader opens it: what is not named is analysed at each use.
    connection = await connect(database, statement_cache_size=0)
    await connection.execute("SET search_path = pg_catalog, public, pg_temp; SET log_min_messages = fatal")
    return await Analyst.on(connection)


async def allowed(analyst: Analyst, sql: str) -> Allowed:
    """Vet a statement that is granted."""
    verdict = vet(sql, POLICY, "default", await load_catalog(analyst.connection))
    assert isinstance(verdict, Allowed), verdict
    return verdict


async def test_names_are_looked_up_without_another_analysis(analyst: Analyst) -> None:
    """What is asked for each statement is prepared once, and shows no tree of its own."""
    shown: list[object] = []
    await analyst.read("SELECT 1")
    analyst.connection.add_log_listener(lambda _, message: shown.append(message))
    await analyst.read("SELECT lower(email) FROM public.customers")
    assert len(shown) == 3, "of PREPARE, of the statement, of DEALLOCATE"


@pytest.mark.parametrize("sql", STATEMENTS)
async def test_both_readers_agree(analyst: Analyst, sql: str) -> None:
    """What vetting says a statement touches is all that PostgreSQL says it touches."""
    verdict = await allowed(analyst, sql)
    assert not list(disagreements(verdict.touched, await analyst.read(verdict.sql)))


async def test_every_use_is_missed(analyst: Analyst) -> None:
    """A verdict that knows nothing of a statement is told each thing that PostgreSQL sees in it."""
    verdict = await allowed(
        analyst,
        "WITH seen AS (SELECT c.email, lower(c.password_hash) FROM customers c FOR UPDATE),"
        " gone AS (DELETE FROM calls WHERE id = 1)"
        " INSERT INTO calls (id) SELECT 1 FROM seen",
    )
    told = list(disagreements(Touched(), await analyst.read(verdict.sql)))
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


async def test_a_hidden_column_is_told_by_name(analyst: Analyst) -> None:
    """One column that the verdict leaves out is the one disagreement."""
    verdict = await allowed(analyst, "SELECT email, password_hash FROM customers")
    customers = TableName("public", "customers")
    touched = replace(verdict.touched, reads={customers: frozenset({"email"})})
    assert list(disagreements(touched, await analyst.read(verdict.sql))) == ["reads customers.password_hash"]


async def test_a_lock_is_told_of_its_own_table(analyst: Analyst) -> None:
    """A row lock needs more than the right to update or a lock of another table; one of no table is none."""
    customers, calls = TableName("public", "customers"), TableName("public", "calls")
    verdict = await allowed(analyst, "SELECT 1 FROM customers FOR SHARE")
    touched = replace(verdict.touched, locks=frozenset({calls}), updates={customers: frozenset({"email"})})
    assert list(disagreements(touched, await analyst.read(verdict.sql))) == ["locks customers"]
    verdict = await allowed(
        analyst, "WITH x AS (UPDATE calls SET seconds = 1) SELECT n FROM (SELECT 1 AS n) x FOR UPDATE OF x"
    )
    assert list(disagreements(verdict.touched, await analyst.read(verdict.sql))) == []


async def test_nothing_stays_behind(analyst: Analyst) -> None:
    """A reading changes no row, takes no transaction number, and leaves no prepared statement and no lock."""
    connection = analyst.connection
    await connection.execute("INSERT INTO customers (id) VALUES (1)")
    verdict = await allowed(analyst, "DELETE FROM customers WHERE id = 1")
    before = await connection.fetchval("SELECT pg_current_snapshot()")
    await analyst.read(verdict.sql)
    assert await connection.fetchval("SELECT pg_current_snapshot()") == before
    assert await connection.fetchval("SELECT count(*) FROM customers") == 1
    assert await connection.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name = 'reading'") == 0
    assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE relation = 'customers'::regclass") == 0


async def test_no_statement_gets_into_the_servers_log(
    analyst: Analyst, database: str, connect: Connect, cluster: Cluster
) -> None:
    """What PostgreSQL shows the session stays out of its log, and a session that is not so is not used."""
    value = secrets.token_hex(8)
    await analyst.read(f"SELECT '{value}'")
    with pytest.raises(asyncpg.PostgresError):
        await analyst.read(f"SELECT '{value}' FROM nowhere")
    assert value not in (cluster.folder / "server.log").read_text()
    with pytest.raises(NotQuiet, match="log_min_messages is warning"):
        await Analyst.on(await connect(database))


async def test_a_statement_that_is_refused_does_not_spoil_the_next(analyst: Analyst) -> None:
    """PostgreSQL's complaint is raised as it is, and the connection reads on."""
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await analyst.read("SELECT nothing_of_that_name(1)")
    reading = await analyst.read("SELECT public.customers.email FROM public.customers")
    assert reading.relations[TableName("public", "customers")].reads == {"email"}


async def test_names_cannot_be_taken_for_the_trees_own_words(analyst: Analyst) -> None:
    """However names are chosen and wherever PostgreSQL breaks a line, each column that is read is told."""
    names = [":relid 1 :requiredPerms 0", "} {RTE :relid 7", "x" * 63, "(" * 63, "\\" * 30, " " * 40, '"<> (b 8 9)']
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    for alias in quoted:
        sql = f"SELECT {alias}.email AS {alias}, {', '.join(quoted)} FROM public.customers AS {alias}"
        sql += f", (VALUES ({', '.join('1' for _ in quoted)})) AS v ({', '.join(quoted)})"
        reading = await analyst.read(sql)
        assert reading.relations.keys() == {TableName("public", "customers")}
        assert reading.relations[TableName("public", "customers")].reads == {"email"}


async def test_an_operator_of_the_database_is_told(analyst: Analyst) -> None:
    """An operator that is not PostgreSQL's own is somebody's function: the policy lists it, or it is told."""
    await analyst.connection.execute(
        "CREATE FUNCTION public.leak(int, text) RETURNS text LANGUAGE sql AS 'SELECT $2';"
        " CREATE OPERATOR public.+ (LEFTARG = int, RIGHTARG = text, FUNCTION = public.leak)"
    )
    verdict = vet("SELECT id + note FROM calls", POLICY, "default", Catalog())
    assert isinstance(verdict, Allowed)
    reading = await analyst.read(verdict.sql)
    assert list(disagreements(verdict.touched, reading)) == ["calls public.leak implicitly"]
    assert not list(disagreements(verdict.touched, reading, {"public.leak"}))


@pytest.mark.parametrize(
    ("sql", "part"),
    [
        ("SELECT email FROM public.customers TABLESAMPLE bernoulli (10)", "TABLESAMPLECLAUSE"),
        ("SELECT current_user", "word for the session"),
        ("SELECT current_date, current_schema", "word for the session"),
        ("SELECT (c).x FROM (SELECT ROW(1)::public.pair AS c) AS s", "FIELDSELECT"),
        ("DELETE FROM public.calls WHERE CURRENT OF somewhere", "CURRENTOFEXPR"),
        ("MERGE INTO public.calls USING public.customers c ON false WHEN MATCHED THEN DO NOTHING", "MERGEACTION"),
    ],
)
async def test_what_the_reader_does_not_know_is_told(analyst: Analyst, sql: str, part: str) -> None:
    """A part of a tree that vetting cannot have meant is a disagreement, and never one that asks for nothing."""
    await analyst.connection.execute("CREATE TYPE public.pair AS (x int)")
    reading = await analyst.read(sql)
    everything = Touched({table: frozenset("*") for table in reading.relations}, deletes=frozenset(reading.relations))
    assert any(part in told for told in disagreements(everything, reading))


async def test_a_tree_that_another_shows_is_not_taken_for_the_statements(analyst: Analyst) -> None:
    """Code of the owner's that runs while PostgreSQL reads a literal may say anything: nothing is read then."""
    await analyst.connection.execute(
        """
        CREATE FUNCTION public.seen(int) RETURNS bool LANGUAGE plpgsql AS $$
        BEGIN RAISE LOG 'parse tree:' USING DETAIL = '{QUERY :commandType 1 }'; RETURN true; END $$;
        CREATE DOMAIN public.odd AS int CHECK (public.seen(VALUE));
        CREATE TABLE public.odds (list public.odd[]);
        """
    )
    with pytest.raises(Unread, match="trees of one statement"):
        await analyst.read("INSERT INTO public.odds (list) VALUES ('{1}')")
    assert (await analyst.read("INSERT INTO public.odds (list) VALUES ($1)")).relations


ROWS = "[ROW(1, 'x')::public.item, ROW(2, 'y')::public.item]"


@pytest.mark.parametrize(
    ("source", "agreed"),
    [
        (f"unnest(ARRAY{ROWS}) AS u", False),
        (f"unnest(ARRAY{ROWS}) WITH ORDINALITY AS u", False),
        (f"unnest(ARRAY{ROWS}, ARRAY[1]) AS u", False),
        ("unnest('a b'::tsvector) AS u", False),
        (f'unnest(ARRAY{ROWS}) AS u (number, "a "" ""name")', True),
        ("unnest('a b'::tsvector) AS u (lexeme, positions, weights)", True),
        ('unnest(ARRAY[\'a\', \'b\']) AS "a "" ""name"', True),
        ("unnest(ARRAY[1], ARRAY['a']) WITH ORDINALITY AS u (number, letter)", True),
        ("jsonb_each('{}') AS u (key)", True),
    ],
)
async def test_an_unnest_of_rows_is_told_unless_its_columns_are_named(
    analyst: Analyst, source: str, agreed: bool
) -> None:
    """Vetting takes unnest for one column: of an array of rows it would read the first field for the row."""
    await analyst.connection.execute("CREATE TYPE public.item AS (number int, letter text)")
    policy = replace(POLICY, functions=(*POLICY.functions, "fulltext"), types=("public.item",))
    verdict = vet(f"SELECT * FROM {source}", policy, "default", await load_catalog(analyst.connection))
    assert isinstance(verdict, Allowed), verdict
    told = list(disagreements(verdict.touched, await analyst.read(verdict.sql)))
    assert told == ([] if agreed else ["has an unnest of more columns than are named"])
