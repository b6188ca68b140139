"""table-granted: every table is granted to the role with the verb it is used with."""

from collections.abc import Iterator

from proxy.policy.model import TableName, Verb
from proxy.vetting.denial import Denial
from proxy.vetting.grants import Grants
from proxy.vetting.statement import Statement

SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema", "pg_toast"})
_DOING: dict[Verb, str] = {"select": "read", "insert": "insert into", "update": "update", "delete": "delete from"}


def table_granted(statement: Statement, grants: Grants) -> Iterator[Denial]:
    """Yield a denial for each table that the role may not use so."""
    for verb, table, _, at in statement.uses.columns:
        if not grants.verb(verb, table):
            yield _denial(verb, table, at, grants)
    for kind, table, at in statement.uses.tables:
        if kind == "delete" and not grants.verb("delete", table):
            yield _denial("delete", table, at, grants)


def _denial(verb: Verb, table: TableName, at: int | None, grants: Grants) -> Denial:
    role = grants.role.name
    message = f'role "{role}" may not {_DOING[verb]} table {table}'
    if table.schema in SYSTEM_SCHEMAS or table.name.startswith("pg_"):
        return Denial(
            "table-granted",
            message,
            hint="Nothing can grant system catalogs: an admin reads them on the server.",
            at=at,
            final=True,
        )
    grant = "true" if verb == "delete" else "[…]"
    return Denial(
        "table-granted",
        message,
        hint=f'To allow it, write under "{role}" in the policy: {table}: {{{verb}: {grant}}}',
        at=at,
    )
