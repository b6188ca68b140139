"""What `policy sql` gives the gateway's role in a tenant's database: it can read statements, and nothing else."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace

import asyncpg
import pytest
from databases import Connect, MakeDatabase, run_sql

from proxy.database.analyse import Analyst, NotQuiet
from proxy.database.checks import find_drift
from proxy.policy.ddl import wall_two
from proxy.policy.document import parse_policy
from proxy.policy.model import Policy

pytestmark = pytest.mark.every_postgresql

PASSWORD = "made-up"
SCHEMA = """
CREATE SCHEMA shop;
CREATE TYPE shop.state AS ENUM ('open', 'done');
CREATE TABLE notes (id int PRIMARY KEY, body text);
CREATE TABLE shop.orders (id int PRIMARY KEY, state shop.state, total numeric);
INSERT INTO notes VALUES (1, 'S3CR3T');
"""
READS = 'SELECT n."body", o."state" FROM "public"."notes" AS n JOIN "shop"."orders" AS o USING ("id") WHERE n."id" = $1'


@pytest.fixture
def policy(make_database: MakeDatabase, admin_dsn: Callable[[str], str]) -> Iterator[Policy]:
    """Return a policy of a database and a login of its own; the roles go with it."""
    database = make_database("read", SCHEMA)
    yield parse_policy(
        f"tenant: t\ndatabase: {database}\nlogin: {database}_edge\n"
        "roles: {all: {notes: {select: [id, body]}, shop.orders: {select: all}}}",
        "t.yaml",
    )
    for role in (f"{database}_edge", f"{database}_reader"):
        run_sql(
            admin_dsn(database),
            f"DO $$ BEGIN IF to_regrole('{role}') IS NOT NULL THEN"
            f" DROP OWNED BY {role}; DROP ROLE {role}; END IF; END $$",
        )


@pytest.fixture
def role(policy: Policy) -> str:
    """Return the name of a role for the gateway."""
    return f"{policy.database}_reader"


@pytest.fixture
def apply(policy: Policy, role: str, admin_dsn: Callable[[str], str]) -> Callable[[], None]:
    """Apply the script, and give both roles a password."""

    def run() -> None:
        run_sql(admin_dsn(policy.database), wall_two(policy, role))
        for name in (role, policy.login):
            run_sql(admin_dsn(policy.database), f"ALTER ROLE {name} PASSWORD '{PASSWORD}'")

    return run


async def test_the_role_reads_statements_and_no_data(
    policy: Policy, role: str, apply: Callable[[], None], connect: Connect
) -> None:
    """It is told what a statement touches, of tables that it can neither read nor change."""
    apply()
    connection = await connect(policy.database, role, PASSWORD)
    analyst = await Analyst.on(connection)
    reading = await analyst.read(READS)
    assert {str(table): sorted(found.reads) for table, found in reading.relations.items()} == {
        "notes": ["body", "id"],
        "shop.orders": ["id", "state"],
    }
    await analyst.read('DELETE FROM "public"."notes"')
    for sql in ("SELECT body FROM notes", "DELETE FROM notes", "COPY notes TO STDOUT", "TRUNCATE notes"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(sql)
    for sql in ("CREATE TABLE public.mine (i int)", "CREATE TEMP TABLE mine (i int)", "DO 'BEGIN END'",
                "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"):  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(sql)


async def test_a_read_only_server_is_enough(
    policy: Policy, role: str, apply: Callable[[], None], connect: Connect, admin_dsn: Callable[[str], str]
) -> None:
    """Nothing is written to read a statement, not even one that writes."""
    apply()
    read_only = f"ALTER ROLE {role} IN DATABASE {policy.database} SET default_transaction_read_only = on"
    run_sql(admin_dsn(policy.database), read_only)
    analyst = await Analyst.on(await connect(policy.database, role, PASSWORD))
    reading = await analyst.read('UPDATE "public"."notes" SET "body" = $1')
    assert [found.updates for found in reading.relations.values()] == [{"body"}]


async def test_check_finds_nothing_after_the_script_and_all_that_is_missing_before(
    policy: Policy, role: str, apply: Callable[[], None], admin_dsn: Callable[[str], str]
) -> None:
    """The script can run twice; whatever is taken away afterwards is told, and so is what was given without need."""
    found = await find_drift(admin_dsn(policy.database), policy, role)
    assert ("missing", f"the second reader {role} does not exist: run `policy sql`") in found
    apply()
    apply()
    assert await find_drift(admin_dsn(policy.database), policy, role) == []
    run_sql(
        admin_dsn(policy.database),
        f"REVOKE CONNECT ON DATABASE {policy.database} FROM {role}; REVOKE USAGE ON SCHEMA shop FROM {role};"
        f" ALTER ROLE {role} IN DATABASE {policy.database} RESET log_min_messages;"
        f" ALTER ROLE {role} NOLOGIN; GRANT SELECT (body) ON notes TO {role}",
    )
    found = await find_drift(admin_dsn(policy.database), policy, role)
    assert [(kind, message.partition(role)[2]) for kind, message in found] == [
        ("missing", f' may not log in: ALTER ROLE "{role}" LOGIN'),
        ("missing", f" may not connect to {policy.database}: run `policy sql`"),
        ("missing", " may not look names up in schema shop: run `policy sql`"),
        ("missing", " would write statements to PostgreSQL's log: run `policy sql`"),
        ("more", " has rights on notes, and needs none on any data"),
    ]
    off = replace(policy, second_reader_off_because="it is a test")
    assert await find_drift(admin_dsn(policy.database), off, role) == []


async def test_the_tenants_login_gets_nothing_from_it(
    policy: Policy, role: str, apply: Callable[[], None], connect: Connect
) -> None:
    """The login can do no more than before: it may not even keep its messages out of the server's log."""
    apply()
    tenant = await connect(policy.database, policy.login, PASSWORD)
    with pytest.raises(NotQuiet):
        await Analyst.on(tenant)
    for sql in (f"SET ROLE {role}", "SET log_min_messages = fatal"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tenant.execute(sql)


async def test_a_script_of_a_role_that_is_there_leaves_its_password_and_its_other_databases(
    policy: Policy, role: str, admin_dsn: Callable[[str], str], connect: Connect
) -> None:
    """The role may be at work in other databases: the script adds to it and takes nothing away."""
    password = secrets.token_hex(8)
    run_sql(admin_dsn(policy.database), f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 7 PASSWORD '{password}'")
    run_sql(admin_dsn(policy.database), wall_two(policy, role))
    connection = await connect(policy.database, role, password)
    assert await connection.fetchval("SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user") == 7
