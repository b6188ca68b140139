"""The second half of wall two, below the tables: `rows` of a policy file as row-level security.

Each filter stands twice, as a permissive policy and as a restrictive one: no
other policy on the table widens it, and its rows show even where there is no
other. Roles of one login are told apart by the setting `database_proxy.role`,
where their filters differ.

Row-level security that a table gets here first must not hide its rows from
others: "database_proxy others" keeps what they saw. On a table that has its
own, only the owner is let through as before ("database_proxy owner"), since
FORCE would otherwise confine it.
"""

from collections.abc import Iterator
from hashlib import sha256

from proxy.policy.model import Columns, Grant, Policy, TableName, Verb
from proxy.policy.quoting import block, identifier, literal, relation

ROLE_SETTING = "database_proxy.role"
VERBS: tuple[Verb, ...] = ("select", "insert", "update", "delete")

_DROP_OLD = """
DECLARE it record;
BEGIN
  FOR it IN
    SELECT schemaname, tablename, policyname FROM pg_catalog.pg_policies
    WHERE policyname LIKE 'database\\_proxy %' AND roles = ARRAY[{login}]::name[]
  LOOP
    EXECUTE pg_catalog.format('DROP POLICY %I ON %I.%I', it.policyname, it.schemaname, it.tablename);
  END LOOP;
END
"""
_ENABLE = """
DECLARE it record;
BEGIN
  SELECT c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced, c.relowner::regrole AS owner, EXISTS (
      SELECT FROM pg_catalog.pg_policy p
      WHERE p.polrelid = c.oid AND p.polname IN ('database_proxy others', 'database_proxy owner')) AS seen
    INTO STRICT it FROM pg_catalog.pg_class c WHERE c.oid = {table}::regclass;
  IF NOT it.enabled AND NOT it.seen THEN
    CREATE POLICY "database_proxy others" ON {name} TO PUBLIC USING (true);
  ELSIF NOT it.forced AND NOT it.seen THEN
    EXECUTE pg_catalog.format('CREATE POLICY "database_proxy owner" ON %s TO %s USING (true)', {table}, it.owner);
  END IF;
  ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
END
"""
# Once no login is confined on a table any more, it is as it was before.
_RESTORE = """
DECLARE it record;
BEGIN
  FOR it IN
    SELECT p.polrelid::regclass AS relation, p.polname, EXISTS (
        SELECT FROM pg_catalog.pg_policy q
        WHERE q.polrelid = p.polrelid AND q.polname NOT LIKE 'database\\_proxy %') AS has_its_own
    FROM pg_catalog.pg_policy p
    WHERE p.polname IN ('database_proxy others', 'database_proxy owner') AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_policy q WHERE q.polrelid = p.polrelid AND q.polname LIKE 'database\\_proxy %'
        AND q.polname NOT IN ('database_proxy others', 'database_proxy owner'))
  LOOP
    EXECUTE pg_catalog.format('DROP POLICY %I ON %s', it.polname, it.relation);
    EXECUTE pg_catalog.format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', it.relation);
    IF it.polname = 'database_proxy others' AND NOT it.has_its_own THEN
      EXECUTE pg_catalog.format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', it.relation);
    END IF;
  END LOOP;
END
"""


def row_filters(policy: Policy) -> Iterator[str]:
    """Yield the statements that confine the login to the rows that the file states."""
    yield "-- Row filters: each permissive and restrictive, so that no other policy widens or hides them."
    yield block(_DROP_OLD.format(login=literal(policy.login)))
    for table in filtered(policy):
        yield block(_ENABLE.format(table=literal(relation(table)), name=relation(table)))
        for verb in VERBS:
            holders = _holders(policy, table, verb)
            if holders:
                yield from _policies(policy, table, verb, _expression(holders))
    yield block(_RESTORE)


def filtered(policy: Policy) -> list[TableName]:
    """Return the tables of which some role may see certain rows alone."""
    return sorted({grant.table for role in policy.roles.values() for grant in role.grants.values() if grant.rows})


def role_aware(policy: Policy) -> bool:
    """Say whether a row filter depends on the role, so that a session has to say which one it acts for."""
    return any(
        len(_filters(holders)) > 1
        for table in filtered(policy)
        for verb in VERBS
        if (holders := _holders(policy, table, verb))
    )


def _holders(policy: Policy, table: TableName, verb: Verb) -> dict[str, Grant]:
    """Return the grants by role that hold a verb on a table."""
    return {
        name: role.grants[table]
        for name, role in policy.roles.items()
        if table in role.grants and _columns(role.grants[table], verb)
    }


def _columns(grant: Grant, verb: Verb) -> Columns:
    if verb == "delete":
        return Columns(all=grant.delete)
    columns: Columns = getattr(grant, verb)
    return columns


def _policies(policy: Policy, table: TableName, verb: Verb, expression: str) -> Iterator[str]:
    clauses = {
        "select": f"USING ({expression})",
        "insert": f"WITH CHECK ({expression})",
        "update": f"USING ({expression}) WITH CHECK ({expression})",
        "delete": f"USING ({expression})",
    }
    for kind in ("permissive", "restrictive"):
        name = identifier(f"database_proxy {_short(policy.login)} {verb} {kind}")
        yield (
            f"CREATE POLICY {name} ON {relation(table)} AS {kind.upper()}"
            f" FOR {verb.upper()} TO {identifier(policy.login)} {clauses[verb]};"
        )


def _short(login: str) -> str:
    """Return the login, or enough of a long one to be told apart: policy names end at 63 bytes."""
    if len(login.encode()) <= 28:
        return login
    return f"{login[:8]}~{sha256(login.encode()).hexdigest()[:12]}"


def _filters(holders: dict[str, Grant]) -> set[str | None]:
    return {grant.rows for grant in holders.values()}


def _expression(holders: dict[str, Grant]) -> str:
    """Return what a row has to fulfil: the filter that all holders share, or each role's own."""
    filters = _filters(holders)
    if len(filters) == 1:
        return _own(filters.pop())
    # A subquery without columns of the table is asked once a statement, and PostgreSQL's planner takes it for a coin's
    # toss; the bare comparison it would take for one row in 200, and plan for a table with next to no rows.
    return " OR ".join(
        f"((SELECT pg_catalog.current_setting('{ROLE_SETTING}', true) = {literal(name)}) AND {_own(grant.rows)})"
        for name, grant in holders.items()
    )


def _own(rows: str | None) -> str:
    # On lines of its own: a filter may end in a comment.
    return "true" if rows is None else f"(\n{rows.strip()}\n)"
