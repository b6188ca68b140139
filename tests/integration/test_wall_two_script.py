"""The script of wall two on tables of many kinds: what it grants works, and what it does not touch stays."""

from collections.abc import Callable, Iterator

import asyncpg
import orjson
import pytest
from databases import Connect, MakeDatabase, run_sql

from proxy.database.checks import find_drift, read_catalog
from proxy.database.rights import load_rights
from proxy.errors import Refusal
from proxy.policy.ddl import wall_two
from proxy.policy.document import parse_policy
from proxy.policy.model import Policy, TableName
from proxy.policy.rights import drift

pytestmark = pytest.mark.every_postgresql

LOGIN = "Edge-1"
PASSWORD = "a-made-up-password"
SCHEMA = """
CREATE SCHEMA app;
CREATE FUNCTION app.make_code() RETURNS text LANGUAGE sql AS $$ SELECT 'c' || md5('x') $$;
CREATE FUNCTION app.is_code(text) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 LIKE 'c%' $$;
CREATE FUNCTION public.mine(owner text) RETURNS boolean LANGUAGE sql STABLE
  AS $$ SELECT owner = current_setting('app.user', true) $$;
CREATE FUNCTION public.shout(text) RETURNS text LANGUAGE sql AS $$ SELECT upper($1) $$;
CREATE DOMAIN app.code AS text CHECK (app.is_code(VALUE));
CREATE TABLE notes (id serial PRIMARY KEY, owner text NOT NULL, body text, code app.code DEFAULT app.make_code());
CREATE TABLE "Odd.Name" ("Weird, column" int, "order" int);
CREATE TABLE plain (id int GENERATED ALWAYS AS IDENTITY, word text);
CREATE TABLE own_rules (id int, owner text);
ALTER TABLE own_rules ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON own_rules USING (owner <> 'hidden');
CREATE FUNCTION public.recent(n int) RETURNS TABLE (id int, body text) LANGUAGE sql SECURITY DEFINER
  AS $$ SELECT id, body FROM public.notes ORDER BY id LIMIT n $$;
CREATE VIEW loud AS SELECT id, shout(body) AS body FROM notes;
INSERT INTO notes (owner, body) VALUES ('ann', 'of ann'), ('bob', 'of bob');
INSERT INTO plain (word) VALUES ('a'), ('b');
INSERT INTO own_rules VALUES (1, 'ann'), (2, 'bob'), (3, 'hidden');
"""
HEAD = """
tenant: desk
database: {database}
login: Edge-1
claims: {{app.user: sub}}
functions: [text]
roles:
"""
CONFINED = """
  own:
    notes: {select: [id, owner, body], insert: [owner, body], update: [body], delete: true, rows: mine(owner)}
    own_rules: {select: all, rows: "owner = current_setting('app.user', true) -- a comment"}
  all:
    notes: {select: [id, owner, body]}
  reader:
    plain: {select: all}
    recent: {select: all}
    '"Odd.Name"': {select: ['Weird, column', order], insert: all}
"""


@pytest.fixture
def database(make_database: MakeDatabase, admin_dsn: Callable[[str], str]) -> Iterator[str]:
    """Make the database; the login and another role go with it."""
    name = make_database("desk", SCHEMA)
    run_sql(admin_dsn(name), f"CREATE ROLE somebody LOGIN PASSWORD '{PASSWORD}'")
    yield name
    run_sql(admin_dsn(name), "DROP OWNED BY somebody CASCADE; DROP ROLE somebody; DROP ROLE IF EXISTS helper")
    run_sql(
        admin_dsn(name),
        """DO $$ BEGIN IF to_regrole('"Edge-1"') IS NOT NULL THEN
        DROP OWNED BY "Edge-1" CASCADE; DROP ROLE "Edge-1"; END IF; END $$""",
    )


def policy_of(database: str, roles: str) -> Policy:
    """Read a policy of these roles."""
    return parse_policy(HEAD.format(database=database) + roles, "desk.yaml")


@pytest.fixture
def apply(database: str, admin_dsn: Callable[[str], str]) -> Callable[[str], Policy]:
    """Apply a policy of these roles as the superuser, and give the login its password."""

    def run(roles: str) -> Policy:
        policy = policy_of(database, roles)
        run_sql(admin_dsn(database), wall_two(policy))
        run_sql(admin_dsn(database), f"ALTER ROLE \"{LOGIN}\" PASSWORD '{PASSWORD}'")
        return policy

    return run


async def act_as(connection: asyncpg.Connection, role: str, user: str) -> None:
    """Set what the gateway sets before a statement."""
    await connection.execute(f"SET database_proxy.role = '{role}'; SET \"app\".\"user\" = '{user}'")


async def test_each_role_sees_its_own_rows(database: str, apply: Callable[[str], Policy], connect: Connect) -> None:
    """Roles of one login are told apart by the session's setting, and without one nothing shows."""
    apply(CONFINED)
    tenant = await connect(database, LOGIN, PASSWORD)
    assert await tenant.fetch("SELECT body FROM notes") == []
    await act_as(tenant, "own", "bob")
    assert [row["body"] for row in await tenant.fetch("SELECT body FROM notes")] == ["of bob"]
    assert [row["id"] for row in await tenant.fetch("SELECT id FROM own_rules")] == [2]
    await act_as(tenant, "all", "bob")
    assert len(await tenant.fetch("SELECT body FROM notes")) == 2


async def test_the_role_is_asked_once_a_statement(
    database: str, apply: Callable[[str], Policy], connect: Connect
) -> None:
    """Not of each row again; and the planner does not expect that it lets one row in 200 through."""
    apply(CONFINED)
    admin = await connect(database)
    await admin.execute(
        "INSERT INTO notes (owner, body) SELECT 'bob', n FROM generate_series(1, 2000) n; ANALYZE notes"
    )
    tenant = await connect(database, LOGIN, PASSWORD)
    await act_as(tenant, "all", "bob")
    plan = orjson.loads(await tenant.fetchval("EXPLAIN (FORMAT json) SELECT body FROM notes"))[0]["Plan"]
    assert {child["Parent Relationship"] for child in plan["Plans"]} == {"InitPlan"}
    assert plan["Plan Rows"] > 500


async def test_a_granted_write_works_with_all_that_stands_behind_it(
    database: str, apply: Callable[[str], Policy], connect: Connect
) -> None:
    """Sequences, default functions and checks of a domain are reached through the table, and not by themselves."""
    apply(CONFINED)
    tenant = await connect(database, LOGIN, PASSWORD)
    await act_as(tenant, "own", "ann")
    await tenant.execute("INSERT INTO notes (owner, body) VALUES ('ann', 'new')")
    assert await tenant.execute("UPDATE notes SET body = 'changed'") == "UPDATE 2"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await tenant.execute("INSERT INTO notes (owner, body) VALUES ('bob', 'forged')")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="schema app"):
        await tenant.fetch("SELECT app.make_code()")
    assert await tenant.execute("DELETE FROM notes") == "DELETE 2"


async def test_functions_and_odd_names_are_granted(
    database: str, apply: Callable[[str], Policy], connect: Connect
) -> None:
    """A set-returning function is granted like a table, and names keep their spelling."""
    apply(CONFINED)
    tenant = await connect(database, LOGIN, PASSWORD)
    await tenant.execute('INSERT INTO "Odd.Name" VALUES (1, 2)')
    assert len(await tenant.fetch("SELECT body FROM recent(5)")) == 2
    assert await tenant.fetchval('SELECT "Weird, column" FROM "Odd.Name"') == 1


async def test_the_script_runs_again_without_a_change(
    database: str, apply: Callable[[str], Policy], connect: Connect
) -> None:
    """A second run leaves rights, policies and settings as the first made them."""
    admin = await connect(database)
    seen = []
    for _ in range(2):
        policy = apply(CONFINED)
        assert list(drift(policy, await load_rights(admin, LOGIN))) == []
        seen.append(
            [
                await admin.fetch("SELECT oid, relacl::text[], relforcerowsecurity FROM pg_class ORDER BY 1"),
                await admin.fetch("SELECT oid, proacl::text[] FROM pg_proc ORDER BY 1"),
                await admin.fetch("SELECT * FROM pg_policies ORDER BY tablename, policyname"),
                await admin.fetch("SELECT setconfig FROM pg_db_role_setting"),
            ]
        )
    assert seen[0] == seen[1]


async def test_other_roles_keep_their_rows(
    database: str, admin_dsn: Callable[[str], str], apply: Callable[[str], Policy], connect: Connect
) -> None:
    """Row-level security that comes with the script confines the login alone; a table's own rules stay."""
    run_sql(admin_dsn(database), "ALTER TABLE notes OWNER TO somebody; ALTER TABLE own_rules OWNER TO somebody")
    apply(CONFINED)
    run_sql(
        admin_dsn(database),
        "CREATE ROLE helper; GRANT USAGE ON SCHEMA public TO somebody, helper;"
        "GRANT SELECT ON notes, own_rules TO helper; GRANT helper TO CURRENT_USER",
    )
    admin = await connect(database)
    for role, notes, own_rules in (("somebody", 2, 3), ("helper", 2, 2)):
        await admin.execute(f"SET ROLE {role}")
        assert len(await admin.fetch("SELECT * FROM notes")) == notes, role
        assert len(await admin.fetch("SELECT * FROM own_rules")) == own_rules, role
        await admin.execute("RESET ROLE")
    run_sql(admin_dsn(database), "DROP OWNED BY helper")


async def test_a_table_is_as_before_once_no_filter_is_left(
    database: str, apply: Callable[[str], Policy], connect: Connect
) -> None:
    """A filter that leaves the file takes its row-level security along, and leaves the table's own alone."""
    apply(CONFINED)
    apply("  all: {notes: {select: [id, body]}, own_rules: {select: all}}")
    admin = await connect(database)
    states = await admin.fetch(
        "SELECT relname::text, relrowsecurity, relforcerowsecurity FROM pg_class"
        " WHERE relname IN ('notes', 'own_rules') ORDER BY 1"
    )
    assert [tuple(state) for state in states] == [("notes", False, False), ("own_rules", True, False)]
    assert [row["policyname"] for row in await admin.fetch("SELECT policyname FROM pg_policies")] == ["everyone"]
    tenant = await connect(database, LOGIN, PASSWORD)
    assert len(await tenant.fetch("SELECT id FROM notes")) == 2


async def test_a_policy_that_an_administrator_wrote_for_the_login_stays(
    database: str, admin_dsn: Callable[[str], str], apply: Callable[[str], Policy], connect: Connect
) -> None:
    """Row rules of a table on which the file states none are not the script's business."""
    apply("  all: {own_rules: {select: all}}")
    run_sql(
        admin_dsn(database),
        'CREATE POLICY hand ON own_rules AS RESTRICTIVE FOR SELECT TO somebody, "Edge-1" USING (id = 2)',
    )
    admin = await connect(database)
    before = await admin.fetch("SELECT * FROM pg_policies")
    apply("  all: {own_rules: {select: all}}")
    assert await admin.fetch("SELECT * FROM pg_policies") == before
    tenant = await connect(database, LOGIN, PASSWORD)
    assert [row["id"] for row in await tenant.fetch("SELECT id FROM own_rules")] == [2]


async def test_a_login_that_owns_something_is_refused(
    database: str, admin_dsn: Callable[[str], str], apply: Callable[[str], Policy], connect: Connect
) -> None:
    """Nothing is dropped and nothing is granted: the administrator is told what to give away."""
    apply("  all: {plain: {select: all}}")
    run_sql(admin_dsn(database), 'ALTER TABLE plain OWNER TO "Edge-1"')
    with pytest.raises(asyncpg.ObjectInUseError, match="owns table plain"):
        run_sql(admin_dsn(database), wall_two(policy_of(database, "  all: {plain: {select: all}}")))
    admin = await connect(database)
    assert await admin.fetchval("SELECT count(*) FROM plain") == 2
    policy = policy_of(database, "  all: {plain: {select: all}}")
    assert any("OWNER" in str(difference) for difference in drift(policy, await load_rights(admin, LOGIN)))


async def test_a_fault_changes_nothing(database: str, admin_dsn: Callable[[str], str], connect: Connect) -> None:
    """A table that does not exist breaks the script off as a whole."""
    with pytest.raises(asyncpg.UndefinedTableError):
        run_sql(admin_dsn(database), wall_two(policy_of(database, "  all: {no_such: {select: [id]}}")))
    assert await (await connect(database)).fetchval("SELECT to_regrole('\"Edge-1\"')") is None


async def test_check_tells_what_is_missing_and_suggests(
    database: str, admin_dsn: Callable[[str], str], apply: Callable[[str], Policy]
) -> None:
    """Misspelt tables, columns and functions, and filters that do not parse, are told with the nearest name."""
    apply("  all: {plain: {select: all}}")
    policy = policy_of(
        database,
        """
  all:
    plaim: {select: all}
    notes: {select: [id, bodi], rows: owner = }
    own_rules: {select: all, rows: no_such = 1}
""".replace("functions: [text]", "functions: [public.shoot]"),
    )
    found = [f"{kind}: {message}" for kind, message in await find_drift(admin_dsn(database), policy)]
    assert 'missing: table plaim does not exist: did you mean "plain"?' in found
    assert 'missing: column notes.bodi does not exist: did you mean "body"?' in found
    assert any(line.startswith("missing: rows of notes under all: syntax error") for line in found)
    assert any('rows of own_rules under all: column "no_such" does not exist' in line for line in found)
    assert "more: Edge-1 may select plain.id" in found
    assert "less: Edge-1 may not select notes.id" in found


async def test_a_missing_login_and_a_missing_database_are_told(database: str, admin_dsn: Callable[[str], str]) -> None:
    """The login is told once, without a list of rights that it lacks; a database that is not there is a refusal."""
    policy = policy_of(database, "  all: {plain: {select: all}}")
    found = [message for _, message in await find_drift(admin_dsn(database), policy)]
    assert [message for message in found if "second reader" not in message] == [
        'the login "Edge-1" does not exist: run `policy sql`'
    ]
    with pytest.raises(Refusal, match="no_such_database"):
        await find_drift(admin_dsn(database), policy_of("no_such_database", "  all: {plain: {select: all}}"))


async def test_a_policy_reads_the_catalog_of_its_own_database(database: str, admin_dsn: Callable[[str], str]) -> None:
    """The URL names the server; the database is the policy's."""
    policy = policy_of(database, "  all: {plain: {select: all}}")
    catalog = await read_catalog(admin_dsn("postgres"), policy)
    assert catalog.relations[TableName("public", "plain")] == ("id", "word")


async def test_check_tells_of_views_that_show_filtered_rows(
    database: str, admin_dsn: Callable[[str], str], apply: Callable[[str], Policy], connect: Connect
) -> None:
    """A view reads with its owner's rights, past the filter, until it is told to use the caller's."""
    roles = CONFINED + "    loud: {select: all}\n    louder: {select: all}\n"
    run_sql(admin_dsn(database), "CREATE VIEW louder AS SELECT body FROM loud")
    policy = apply(roles)
    [difference] = await find_drift(admin_dsn(database), policy)
    assert difference.kind == "more"
    assert difference.message.startswith("Edge-1 sees every row of notes through the view loud,")
    tenant = await connect(database, LOGIN, PASSWORD)
    assert len(await tenant.fetch("SELECT * FROM louder")) == 2
    run_sql(admin_dsn(database), "ALTER VIEW loud SET (security_invoker = true)")
    assert await find_drift(admin_dsn(database), policy) == []
