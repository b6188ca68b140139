"""The gateway with both of its readers, on real servers: what happens when they differ, and when one is not there."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from databases import GATEWAY_PASSWORD, MakeDatabase, run_sql
from gateway_fakes import answer_of
from structlog.testing import capture_logs

from proxy.database.pools import Server
from proxy.database.reader import Login
from proxy.embedded import Cluster
from proxy.gateway import Gateway
from proxy.identity.principal import Principal
from proxy.policy.ddl import wall_two
from proxy.policy.document import parse_policy
from proxy.policy.model import Policy
from proxy.policy.second_reader import GATEWAY_ROLE
from proxy.telemetry.metrics import REGISTRY
from proxy.tenants.folder import PolicyFolder
from proxy.tenants.registry import Tenants
from proxy.verdicts import Judge, Verdicts
from proxy.vetting import vet
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Allowed, Verdict
from proxy.wire.head import Head

pytestmark = pytest.mark.every_postgresql

SCHEMA = """
CREATE SCHEMA shop;
CREATE TABLE notes (id int PRIMARY KEY, body text, secret text);
CREATE TABLE shop.orders (id int PRIMARY KEY, total numeric);
CREATE TABLE hidden (id int PRIMARY KEY);
CREATE VIEW bodies AS SELECT body FROM notes;
INSERT INTO notes VALUES (1, 'hello', 'S3CR3T');
"""
POLICY = """
tenant: acme
database: {database}
login: {database}_edge
functions: [aggregates, text]
roles:
  default:
    notes: {{select: [id, body], update: [body], delete: true}}
    bodies: {{select: all}}
    shop.orders: {{select: all}}
statements:
  secrets: {{to: [default], sql: "SELECT count(n.secret), max(upper(secret)) FROM notes n WHERE n.secret > $1"}}
"""
PLANTED = "SELECT body, secret FROM notes"


async def judge_here(sql: str, policy: Policy, role: str, catalog: Catalog) -> Verdict:
    """Vet a statement in this process."""
    return vet(sql, policy, role, catalog)


async def blind(sql: str, policy: Policy, role: str, catalog: Catalog) -> Verdict:
    """Judge as vetting does, but overlook one column of one statement, and the grant that it would need."""
    if sql == PLANTED:
        verdict = await judge_here("SELECT body FROM notes", policy, role, catalog)
        assert isinstance(verdict, Allowed)
        return replace(verdict, sql='SELECT n."body", n."secret" FROM "public"."notes" AS n')
    return await judge_here(sql, policy, role, catalog)


@dataclass
class Desk:
    """A gateway in this process, and the database behind it."""

    tenants: Tenants
    database: str
    dsn: str
    folder: Path
    judge: Judge = judge_here

    def __post_init__(self) -> None:
        """Wire the gateway."""
        self.gateway = Gateway(believe, self.tenants, Verdicts(self.judge), max_request_bytes=10_000)

    async def query(self, sql: str, *parameters: Any, tenant: str = "acme") -> tuple[int, Any]:
        """Send one query and return status and document."""
        head = Head([(b"content-type", b"application/json"), (b"authorization", f"Bearer {tenant}".encode())])
        body = json.dumps({"query": sql, "parameters": parameters}).encode()

        messages = [{"type": "http.request", "body": body}]

        async def receive() -> MutableMapping[str, Any]:
            return messages.pop() if messages else await asyncio.Future()

        response = await answer_of(self.gateway, head, receive)
        assert response is not None
        return response.status, json.loads(response.body)


async def believe(token: str, _now: float) -> Principal:
    """Believe every token."""
    return Principal(token, "default", "u1", "jwt", None, None, {"sub": "u1"})


def counted(outcome: str) -> float:
    """Return how many readings ended so."""
    labels = {"tenant": "acme", "outcome": outcome}
    return REGISTRY.get_sample_value("database_proxy_second_readings_total", labels) or 0.0


MakeDesk = Callable[..., Desk]


@pytest.fixture
async def make_desk(cluster: Cluster, make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[MakeDesk]:
    """Make a gateway that serves one tenant, whose policy may have more lines."""
    made: list[Desk] = []

    def make(judge: Judge = judge_here, more: str = "", *, reader_password: str = GATEWAY_PASSWORD) -> Desk:
        database = make_database("both", SCHEMA)
        text, dsn = POLICY.format(database=database) + more, cluster.dsn(database)
        (tmp_path / "acme.yaml").write_text(text)
        password = secrets.token_hex(8)
        run_sql(dsn, wall_two(parse_policy(text, "acme.yaml")))
        run_sql(dsn, f"ALTER ROLE {database}_edge PASSWORD '{password}'")
        passfile = tmp_path / "pgpass"
        passfile.touch(0o600)
        passfile.write_text(f"*:*:*:{database}_edge:{password}\n*:*:*:{GATEWAY_ROLE}:{reader_password}\n")
        folder = PolicyFolder(tmp_path)
        folder.load()
        server = Server(f"postgresql:///?host={cluster.socket_folder}&port={cluster.port}", str(passfile))
        made.append(Desk(Tenants(folder, server, Login()), database, dsn, tmp_path, judge))
        return made[-1]

    yield make
    for desk in made:
        await desk.tenants.close()
        run_sql(desk.dsn, f"DROP OWNED BY {desk.database}_edge; DROP ROLE {desk.database}_edge")


@pytest.mark.parametrize("mode", ["enforce", "observe"])
async def test_what_vetting_overlooks_is_denied_logged_and_counted(make_desk: MakeDesk, mode: str) -> None:
    """A column that the verdict does not name: nothing of it is shown, the log says which, and the denial is kept."""
    desk = make_desk(blind, f"mode: {mode}\n")
    before = counted("disagreed")
    with capture_logs() as logs:
        answers = [await desk.query(PLANTED) for _ in range(2)]
    for status, document in answers:
        assert (status, document["error"], document["rule"]) == (403, "statement-denied", "vetting-disagreement")
        assert (document["code"], document["applied"]) == ("42501", "no")
        assert "secret" not in json.dumps(document).lower()
    [alarm] = [line for line in logs if line["event"] == "vetting_disagreement"]
    assert (alarm["tenant"], alarm["disagreements"]) == ("acme", ["reads notes.secret"])
    assert counted("disagreed") == before + 1
    assert (await desk.query("SELECT body FROM notes"))[0] == 200


async def test_honest_statements_are_read_once(make_desk: MakeDesk) -> None:
    """Reads, writes, views and what a reviewer has named run as before; a text that is known is not read again."""
    desk = make_desk()
    named = parse_policy((desk.folder / "acme.yaml").read_text(), "acme.yaml").statements[0].sql
    before = counted("agreed")
    for sql, parameters in [
        ("SELECT id, upper(body) FROM notes WHERE id = $1", [1]),
        ("SELECT count(*) FROM bodies b JOIN shop.orders o ON o.total > 1", []),
        ("UPDATE notes SET body = $1 WHERE id = 1 RETURNING body", ["changed"]),
    ] * 2:
        status, document = await desk.query(sql, *parameters)
        assert status == 200, document
    # The login has no right on that column: PostgreSQL's own denial, not the second reader's.
    status, document = await desk.query(named, "a")
    assert (status, document["rule"]) == (403, "database-rights")
    assert counted("agreed") == before + 4


async def test_what_postgresql_refuses_is_told_as_if_it_had_run(make_desk: MakeDesk) -> None:
    """SQLSTATE and words are PostgreSQL's; nothing is kept, so that it works once the database has changed."""
    desk = make_desk(more="mode: observe\n")
    status, document = await desk.query("SELECT upper(id) FROM notes")
    assert (status, document["error"], document["code"], "position" in document) == (400, "sql-error", "42883", False)
    assert "upper(integer) does not exist" in document["message"]
    status, document = await desk.query("SELECT public.later(id) FROM notes")
    assert (status, document["code"]) == (400, "42883")
    run_sql(
        desk.dsn,
        "CREATE FUNCTION public.later(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1';"
        f" GRANT EXECUTE ON FUNCTION public.later TO {desk.database}_edge",
    )
    assert (await desk.query("SELECT public.later(id) FROM notes"))[1]["rows"] == [{"later": 2}]


@pytest.mark.parametrize(
    ("undo", "says"),
    [
        ("REVOKE CONNECT ON DATABASE {0} FROM " + GATEWAY_ROLE, "permission denied for database"),
        ("ALTER ROLE " + GATEWAY_ROLE + " IN DATABASE {0} RESET ALL", "write statements to PostgreSQL's log"),
        ("REVOKE USAGE ON SCHEMA shop FROM " + GATEWAY_ROLE, "permission denied for schema shop"),
    ],
)
async def test_without_a_second_reader_nothing_runs(make_desk: MakeDesk, undo: str, says: str) -> None:
    """What was not set up is no way around the reading: 503, and the log says what to run."""
    desk = make_desk()
    run_sql(desk.dsn, undo.format(desk.database))
    with capture_logs() as logs:
        status, document = await desk.query("DELETE FROM notes WHERE id IN (SELECT id FROM shop.orders) OR id = 1")
    assert (status, document["error"], document["applied"]) == (503, "database-unavailable", "no")
    [line] = [line for line in logs if line["event"] == "second_reader_unavailable"]
    assert says in line["problem"]
    assert "`policy sql acme`" in line["hint"]
    run_sql(desk.dsn, wall_two(parse_policy((desk.folder / "acme.yaml").read_text(), "acme.yaml")))
    run_sql(desk.dsn, f"ALTER ROLE {desk.database}_edge IN DATABASE {desk.database} SET statement_timeout = '5s'")


async def test_a_policy_may_go_without_in_words(make_desk: MakeDesk) -> None:
    """Then nothing is asked of PostgreSQL, not even where it would object; log and metric say so."""
    with capture_logs() as logs:
        desk = make_desk(blind, 'second_reader: {off_because: "nobody here may set log_min_messages"}\n')
    [line] = [line for line in logs if line["event"] == "second_reader_off"]
    assert line["because"] == "nobody here may set log_min_messages"
    labels = {"tenant": "acme"}
    assert REGISTRY.get_sample_value("database_proxy_second_reader", labels) == 0
    status, document = await desk.query(PLANTED)
    # Wall two stands by itself.
    assert (status, document["rule"]) == (403, "database-rights")
    text = (desk.folder / "acme.yaml").read_text()
    (desk.folder / "acme.yaml").write_text(text.partition("second_reader:")[0])
    await desk.tenants.refresh()
    assert REGISTRY.get_sample_value("database_proxy_second_reader", labels) == 1
    run_sql(desk.dsn, wall_two(parse_policy(text.partition("second_reader:")[0], "acme.yaml")))
    assert (await desk.query(PLANTED))[1]["rule"] == "vetting-disagreement"


async def test_a_reader_is_shared_and_goes_with_its_last_tenant(make_desk: MakeDesk) -> None:
    """Two tenants of one database have one reader; it stays until neither is there."""
    desk = make_desk()
    text = (desk.folder / "acme.yaml").read_text()
    (desk.folder / "other.yaml").write_text(text.replace("tenant: acme", "tenant: other").replace("_edge", "_other"))
    await desk.tenants.refresh()
    assert set(desk.tenants) == {"acme", "other"}
    assert len(desk.tenants._relations) == 1
    for name in ("other", "acme"):
        (desk.folder / f"{name}.yaml").unlink()
    for _ in range(3):
        await desk.tenants.refresh()
    assert len(desk.tenants._relations) == 0


@pytest.mark.parametrize("more", ["", "second_reader: {off_because: the login has to tell of itself}"])
async def test_login_that_can_do_more_is_refused_before_its_first_statement(make_desk: MakeDesk, more: str) -> None:
    """Whoever is asked about it, and though its connection is opened meanwhile."""
    desk = make_desk(more=more)
    run_sql(desk.dsn, f"GRANT SELECT ON hidden TO {desk.database}_edge")
    with capture_logs() as logs:
        status, refused = await desk.query("DELETE FROM notes WHERE id = 1")
    assert (status, refused["error"]) == (503, "database-unavailable")
    assert [log["excess"] for log in logs if log["event"] == "tenant_refused"] == [
        [f"{desk.database}_edge may select hidden.id"]
    ]
    connection = await asyncpg.connect(desk.dsn)
    try:
        assert await connection.fetchval("SELECT count(*) FROM notes") == 1
    finally:
        await connection.close()


async def test_new_table_is_found_by_a_tenant_that_was_never_asked_for(make_desk: MakeDesk) -> None:
    """Its first statement names what was not there when the relations were read for its neighbour."""
    desk = make_desk()
    assert (await desk.query("SELECT id FROM notes"))[0] == 200
    login = f"{desk.database}_other"
    text = f"""
tenant: other
database: {desk.database}
login: {login}
roles:
  default:
    fresh: {{select: all}}
"""
    run_sql(desk.dsn, "CREATE TABLE fresh (id int); INSERT INTO fresh VALUES (7)")
    run_sql(desk.dsn, wall_two(parse_policy(text, "other.yaml")))
    run_sql(desk.dsn, f"ALTER ROLE {login} PASSWORD 'of-other'")
    with (desk.folder / "pgpass").open("a") as passfile:
        passfile.write(f"*:*:*:{login}:of-other\n")
    (desk.folder / "other.yaml").write_text(text)
    await desk.tenants.refresh()
    try:
        status, answer = await desk.query("SELECT * FROM fresh", tenant="other")
        assert (status, answer["rows"]) == (200, [{"id": 7}])
        assert (await desk.query("SELECT id FROM notes", tenant="other"))[0] == 403
    finally:
        run_sql(desk.dsn, f"DROP OWNED BY {login}; DROP ROLE {login}")
