"""Wall two alone: with no vetting in front, PostgreSQL itself keeps each attack within the policy's rights."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from attacks import PASSWORD, Attack, apply_wall_two, fixture_sql, make_attacked, policy_for, read_attacks
from databases import GATEWAY_PASSWORD, Connect, MakeDatabase, run_sql

from proxy.database.pools import Server, TenantPool
from proxy.database.reader import Login, Reader
from proxy.database.rights import excess, load_rights
from proxy.embedded import Cluster
from proxy.policy.model import Policy
from proxy.policy.rights import drift
from proxy.policy.second_reader import GATEWAY_ROLE

pytestmark = pytest.mark.every_postgresql

# Bombs are vetting's and the limits' business; nor can all of them be written to a file of this size.
ATTACKS = [attack for attack in read_attacks() if not attack.id.startswith("RES") and "...(" not in attack.sql]
# A regclass shows the name of any catalog to anyone: no data of a tenant, and nothing that PostgreSQL can take away.
SHOWN_BY_POSTGRESQL = {"AST23": "pg_authid"}
# What only the other tenant's rows, other columns or other tables hold.
NEVER = ("globex", "HASH-", "S3CR3T", "s3cr3t", "51234", "98765", "hr payroll", "capital Orders", "WHOLE-DOC", "424242")

# Other tables and rows, and what the database is made of.
OUTSIDE = [
    "SELECT * FROM orders WHERE tenant_id <> 1 ORDER BY id",
    *[f"SELECT * FROM {table} ORDER BY id" for table in ("users", "docs", "secrets", '"Orders"', "hr.orders")],
    "SELECT oid, relname, relacl, relrowsecurity, relforcerowsecurity FROM pg_class ORDER BY 1",
    "SELECT oid, proname, proacl FROM pg_proc ORDER BY 1",
    "SELECT oid, rolname, rolsuper, rolbypassrls FROM pg_roles ORDER BY 1",
    "SELECT polname, polrelid, polqual::text FROM pg_policy ORDER BY 1, 2",
    "SELECT oid FROM pg_largeobject_metadata",
]


@pytest.fixture
def attacked(make_database: MakeDatabase, admin_dsn: Callable[[str], str]) -> Iterator[str]:
    """Make the database of the attacks; its logins go with it."""
    name = make_attacked(make_database, admin_dsn)
    yield name
    run_sql(admin_dsn(name), "DROP OWNED BY t_acme, t_acme_rw; DROP ROLE t_acme, t_acme_rw")


async def try_attack(connection: asyncpg.Connection, attack: Attack, claims: str) -> str:
    """Run one attack as far as PostgreSQL lets it, and return all that came back, errors included."""
    seen: list[str] = []
    await connection.execute("BEGIN")
    await connection.execute(f"SET LOCAL \"request.jwt.claims\" = '{claims}'")
    try:
        seen += [str(record) for record in await connection.fetch(attack.sql, *attack.params, timeout=5)]
        await connection.execute("COMMIT")
        if not attack.params:  # the simple protocol takes several statements at once
            await connection.execute(f"SET \"request.jwt.claims\" = '{claims}'")
            seen.append(await connection.execute(attack.sql, timeout=5))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, UnicodeEncodeError, TimeoutError) as exc:
        seen += [str(exc), str(getattr(exc, "detail", "")), str(getattr(exc, "hint", ""))]
    return "\n".join(seen)


async def outside(connection: asyncpg.Connection) -> list[str | None]:
    """Return a digest of each part of what tenant 1 has no right to change; of what is empty, none."""
    digests = [f"(SELECT md5(string_agg(x::text, ',')) FROM ({sql}) AS x)" for sql in OUTSIDE]
    return list(await connection.fetchval(f"SELECT ARRAY[{', '.join(digests)}]"))


@pytest.mark.parametrize("login", ["t_acme", "t_acme_rw"])
async def test_no_attack_leaves_the_rights_of_the_policy(
    attacked: str, admin_dsn: Callable[[str], str], connect: Connect, login: str
) -> None:
    """No attack shows or changes what the policy does not grant, though nothing vets it."""
    apply_wall_two(admin_dsn(attacked), policy_for(attacked, login, writes=login == "t_acme_rw"))
    admin = await connect(attacked)
    before = await outside(admin)
    rows = await admin.fetch("SELECT * FROM orders WHERE tenant_id = 1")
    for attack in ATTACKS:
        tenant = await connect(attacked, login, PASSWORD)
        seen = await try_attack(tenant, attack, json.dumps({"tenant": 1}))
        await tenant.close(timeout=5)
        forbidden = [attack.forbidden] if attack.forbidden and attack.id not in SHOWN_BY_POSTGRESQL else []
        shown = [text for text in (*NEVER, *forbidden) if text in seen and text not in attack.sql]
        assert not shown, f"{attack.id} shows {shown}: {seen}"
        assert await outside(admin) == before, f"{attack.id} changed what it may not: {attack.sql}"
        await admin.execute("DELETE FROM orders WHERE tenant_id = 1")
        await admin.executemany("INSERT INTO orders VALUES ($1, $2, $3, $4, $5)", [tuple(row) for row in rows])


async def test_two_tenants_of_one_database_never_meet(
    attacked: str, admin_dsn: Callable[[str], str], connect: Connect
) -> None:
    """Each tenant sees its own rows alone, whatever it sends and whatever claims it forges."""
    logins = {1: "t_acme", 2: "t_acme_rw"}
    for number, login in logins.items():
        policy = policy_for(attacked, login, rows=f"tenant_id = {number}", writes=True, tenant=f"tenant{number}")
        apply_wall_two(admin_dsn(attacked), policy)
    foreign = {1: ("globex",), 2: ("acme order", "a@acme")}
    for number, login in logins.items():
        for attack in ATTACKS:
            tenant = await connect(attacked, login, PASSWORD)
            seen = await try_attack(tenant, attack, json.dumps({"tenant": 3 - number}))
            await tenant.close(timeout=5)
            shown = [text for text in foreign[number] if text in seen and text not in attack.sql]
            assert not shown, f"{login}: {attack.id} shows {shown}: {seen}"


async def test_a_tenant_enters_no_database_but_its_own(
    attacked: str, make_database: MakeDatabase, admin_dsn: Callable[[str], str], connect: Connect
) -> None:
    """Another tenant's database refuses the login at the door."""
    other = make_database("gw")
    run_sql(admin_dsn(other), fixture_sql(other))
    apply_wall_two(admin_dsn(attacked), policy_for(attacked, "t_acme"))
    apply_wall_two(admin_dsn(other), policy_for(other, "t_acme_rw"))
    assert await (await connect(attacked, "t_acme", PASSWORD)).fetchval("SELECT 1") == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
        await connect(other, "t_acme", PASSWORD)
    run_sql(admin_dsn(other), "DROP OWNED BY t_acme, t_acme_rw")


# --- rights equal the file ---

ADDED = {
    "a table": "GRANT SELECT ON secrets TO t_acme",
    "a column": "GRANT SELECT (password_hash) ON users TO t_acme",
    "a column by PUBLIC": "GRANT SELECT (salary) ON users TO PUBLIC",
    "a table in a schema of its own": "GRANT USAGE ON SCHEMA hr TO PUBLIC; GRANT ALL ON hr.orders TO PUBLIC",
    "a verb": "GRANT DELETE ON users TO t_acme",
    "truncate": "GRANT TRUNCATE ON orders TO t_acme",
    "references": "GRANT REFERENCES ON orders TO t_acme",
    "a grant by somebody else": "GRANT SELECT ON secrets TO t_acme_rw WITH GRANT OPTION; "
    "SET ROLE t_acme_rw; GRANT SELECT ON secrets TO t_acme; RESET ROLE",
    "membership": "GRANT app_owner TO t_acme",
    "membership by somebody else": "GRANT app_owner TO t_acme_rw WITH ADMIN OPTION; "
    "SET ROLE t_acme_rw; GRANT app_owner TO t_acme; RESET ROLE",
    "a powerful role": "GRANT pg_read_all_data TO t_acme",
    "superuser": "ALTER ROLE t_acme SUPERUSER",
    "bypassing row security": "ALTER ROLE t_acme BYPASSRLS",
    "making roles": "ALTER ROLE t_acme CREATEROLE",
    "making databases": "ALTER ROLE t_acme CREATEDB",
    "temporary tables": "DO $$ BEGIN"
    " EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO t_acme', current_database()); END $$",
    "creating in a schema": "GRANT CREATE ON SCHEMA public TO PUBLIC",
    "a function": "GRANT EXECUTE ON FUNCTION len(text) TO t_acme",
    "a function of PostgreSQL": "GRANT EXECUTE ON FUNCTION set_config(text, text, boolean) TO PUBLIC",
    "row security off": "ALTER TABLE orders DISABLE ROW LEVEL SECURITY",
    "a default for what comes later": "SET ROLE app_owner; "
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO t_acme; CREATE TABLE later(id int); RESET ROLE",
}


async def told_three_ways(policy: Policy, cluster: Cluster, passfile: Path, admin: asyncpg.Connection) -> list[str]:
    """Return a login's excess as an administrator is told; the login itself and the gateway's role are told no less."""
    told = await excess(admin, policy)
    server = Server(f"postgresql:///?host={cluster.socket_folder}&port={cluster.port}", passfile=str(passfile))
    pool, reader = TenantPool(policy, server), Reader(server, Login(GATEWAY_ROLE, GATEWAY_PASSWORD), policy.database)
    try:
        assert sorted(await pool.excess(policy)) == sorted(told)
        assert sorted(await reader.excess(policy)) == sorted(told)
    finally:
        await pool.close()
        await reader.close()
    return told


@pytest.mark.parametrize("added", ADDED)
async def test_rights_added_by_hand_are_told_and_taken_away(  # noqa: PLR0917 - fixtures, by their names
    attacked: str, admin_dsn: Callable[[str], str], connect: Connect, cluster: Cluster, tmp_path: Path, added: str
) -> None:
    """What the login can do beyond its file is found, whoever asks, and gone after the script ran again."""
    policy = policy_for(attacked, "t_acme")
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"*:*:*:t_acme:{PASSWORD}\n")
    passfile.chmod(0o600)
    apply_wall_two(admin_dsn(attacked), policy)
    admin = await connect(attacked)
    assert list(drift(policy, await load_rights(admin, "t_acme"))) == []
    assert await told_three_ways(policy, cluster, passfile, admin) == []
    await admin.execute(ADDED[added])
    try:
        assert await told_three_ways(policy, cluster, passfile, admin)
        apply_wall_two(admin_dsn(attacked), policy)
        assert list(drift(policy, await load_rights(admin, "t_acme"))) == []
        run_sql(admin_dsn(attacked), "SET ROLE app_owner; CREATE TABLE even_later(id int)")
        assert await excess(admin, policy) == []
    finally:
        await admin.execute("REVOKE app_owner FROM t_acme_rw CASCADE")
