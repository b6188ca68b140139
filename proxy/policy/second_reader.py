"""What PostgreSQL as the second reader needs in a tenant's database: the gateway's own role, and hardly a right.

The role looks names up (CONNECT, USAGE on schemas) and reads no data. Its
session shows it how PostgreSQL understands a statement; the server's log,
where the same would go, is closed to it: statements have no place there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from proxy.policy.model import Policy, TableName
from proxy.policy.quoting import block, identifier, literal
from proxy.policy.rights import Drift, schemas

# The role where nothing else says: of `PROXY_CONTROL_URL` in a gateway, of `--gateway-role` for an administrator.
GATEWAY_ROLE = "database_proxy"
# The values of `log_min_messages` that keep a session's own messages (LOG) out of the server's log.
LOG_LEVELS = ("fatal", "panic")

_ROLE = """
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {role}) THEN
    CREATE ROLE {name} LOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL; -- another database's script was quicker
END
"""


@dataclass(frozen=True, slots=True)
class ReaderRights:
    """What the gateway's role has in one database. `log_level` is its own `log_min_messages` there, if it has one."""

    exists: bool = True
    logs_in: bool = True
    superuser: bool = False
    connects: bool = True
    schemas: frozenset[str] = frozenset()
    log_level: str | None = LOG_LEVELS[0]
    tables: tuple[TableName, ...] = ()


def second_reader(policy: Policy, role: str = GATEWAY_ROLE) -> Iterator[str]:
    """Yield the statements that let the gateway's role read statements in the policy's database; none if it is off."""
    if policy.second_reader_off_because is not None:
        yield "-- No second reader: the file says that it is off."
        return
    name, database = identifier(role), identifier(policy.database)
    yield "-- The second reader: the gateway's own role may enter and look names up. It has no right on any data."
    yield block(_ROLE.format(role=literal(role), name=name))
    yield f"GRANT CONNECT ON DATABASE {database} TO {name};"
    for schema in schemas(policy):
        yield f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {name};"
    yield "-- It is shown how PostgreSQL understands a statement; the server's log is not."
    yield f"ALTER ROLE {name} IN DATABASE {database} SET log_min_messages = {LOG_LEVELS[0]};"


def reader_drift(policy: Policy, role: str, rights: ReaderRights) -> Iterator[Drift]:
    """Yield what the second reader lacks in the policy's database, and what it has there without need."""
    if policy.second_reader_off_because is not None:
        return
    reader = f"the second reader {role}"
    if role == policy.login:
        yield Drift("more", f"{reader} is the tenant's login: the gateway's own role has to be another")
    if not rights.exists:
        yield Drift("missing", f"{reader} does not exist: run `policy sql`")
        return
    if not rights.logs_in:
        yield Drift("missing", f"{reader} may not log in: ALTER ROLE {identifier(role)} LOGIN")
    if not rights.connects:
        yield Drift("missing", f"{reader} may not connect to {policy.database}: run `policy sql`")
    for schema in schemas(policy):
        if schema not in rights.schemas:
            yield Drift("missing", f"{reader} may not look names up in schema {schema}: run `policy sql`")
    if rights.log_level not in LOG_LEVELS:
        yield Drift("missing", f"{reader} would write statements to PostgreSQL's log: run `policy sql`")
    if rights.superuser:
        yield Drift("more", f"{reader} is a superuser, and needs no right on any data")
    for table in () if rights.superuser else rights.tables:
        yield Drift("more", f"{reader} has rights on {table}, and needs none on any data")
