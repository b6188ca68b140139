"""What a login can do in its database, as values, and how that differs from its policy file.

`proxy.database.rights` fills `Rights` from a server. A difference is told in
both directions: what the login can do beyond the file (the gateway does not
serve such a tenant), and what the file promises that the login cannot do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal, NamedTuple

from proxy.policy.functions import BUILTIN, expand
from proxy.policy.model import Columns, Policy, TableName, Verb

COLUMN_VERBS: tuple[Literal["select", "insert", "update"], ...] = ("select", "insert", "update")


@dataclass(frozen=True, slots=True)
class RelationRights:
    """A relation's columns in PostgreSQL's order, and the login's rights on it.

    `columns` maps a verb to the columns that it may be used with. `others`
    names rights of the relation as a whole: `delete`, and those that no
    policy grants (`truncate`, `references`, `trigger`, `maintain`, `owner`).
    """

    all_columns: tuple[str, ...]
    columns: Mapping[str, frozenset[str]]
    others: frozenset[str] = frozenset()
    row_security: bool = False
    filters: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rights:
    """All that a login can do.

    `powers` are attributes of the role and rights on anything but relations
    and functions, in words. `needed_functions` are called by PostgreSQL on the
    login's behalf when it uses its tables: behind defaults, checks, row filters.
    """

    exists: bool = True
    powers: tuple[str, ...] = ()
    relations: Mapping[TableName, RelationRights] = field(default_factory=dict)
    functions: frozenset[str] = frozenset()
    all_functions: frozenset[str] = frozenset()
    needed_functions: frozenset[str] = frozenset()
    reaching: tuple[str, ...] = ()


class Drift(NamedTuple):
    """One difference: `more` than the file says, `less` than it says, or something that is `missing`."""

    kind: Literal["more", "less", "missing"]
    message: str


def drift(policy: Policy, rights: Rights) -> Iterator[Drift]:
    """Yield every difference between a policy and its login's rights."""
    if not rights.exists:
        yield Drift("missing", f'the login "{policy.login}" does not exist: run `policy sql`')
        return
    for power in rights.powers:
        yield Drift("more", f"{policy.login} {power}")
    for name in rights.reaching:
        yield Drift("more", f"{policy.login} may call {name}")
    yield from _relations(policy, rights)
    yield from _functions(policy, rights)


def granted(policy: Policy, table: TableName, verb: Verb) -> Columns:
    """Return what all roles of a policy together may do with a table."""
    names: dict[str, None] = {}
    for role in policy.roles.values():
        grant = role.grants.get(table)
        if grant is None:
            continue
        columns = Columns(all=grant.delete) if verb == "delete" else getattr(grant, verb)
        if columns.all:
            return Columns(all=True)
        names.update(dict.fromkeys(columns.names))
    return Columns(names=tuple(names))


def tables(policy: Policy) -> list[TableName]:
    """Return every table that any role is granted, in order."""
    return sorted({table for role in policy.roles.values() for table in role.grants})


def own_functions(policy: Policy) -> list[str]:
    """Return the functions of the database that the file lists, as `schema.name`."""
    return sorted(name for name in expand(policy.functions) if name not in BUILTIN and "." in name)


def granted_functions(policy: Policy) -> frozenset[str]:
    """Return the functions of the database that the file lists, and all that might be functions granted as tables."""
    return frozenset((*own_functions(policy), *(f"{table.schema}.{table.name}" for table in tables(policy))))


def schemas(policy: Policy) -> list[str]:
    """Return the schemas of all tables and functions that the file names, in order."""
    return sorted(
        {table.schema for table in tables(policy)} | {name.split(".", 1)[0] for name in own_functions(policy)}
    )


def _relations(policy: Policy, rights: Rights) -> Iterator[Drift]:
    named = tables(policy)
    for table in named:
        relation = rights.relations.get(table)
        if relation is not None:
            yield from _columns_exist(policy, table, relation)
        elif f"{table.schema}.{table.name}" not in rights.all_functions:
            near = get_close_matches(str(table), [str(known) for known in rights.relations], n=1)
            yield Drift("missing", f"table {table} does not exist" + (f': did you mean "{near[0]}"?' if near else ""))
    for table, relation in sorted(rights.relations.items()):
        yield from _rights_on(policy, table, relation)


def _columns_exist(policy: Policy, table: TableName, relation: RelationRights) -> Iterator[Drift]:
    told: set[str] = set()
    # Each role's own list: what one role is granted whole does not mend another's misspelt column.
    grants = [role.grants[table] for role in policy.roles.values() if table in role.grants]
    for columns in (getattr(grant, verb) for verb in COLUMN_VERBS for grant in grants):
        for column in columns.names:
            if column not in relation.all_columns and column not in told:
                told.add(column)
                near = get_close_matches(column, relation.all_columns, n=1)
                hint = f': did you mean "{near[0]}"?' if near else ""
                yield Drift("missing", f"column {table}.{column} does not exist{hint}")


def _rights_on(policy: Policy, table: TableName, relation: RelationRights) -> Iterator[Drift]:
    for verb in COLUMN_VERBS:
        said = granted(policy, table, verb)
        wanted = set(relation.all_columns) if said.all else set(said.names) & set(relation.all_columns)
        held = relation.columns.get(verb, frozenset())
        for column in sorted(held - wanted):
            yield Drift("more", f"{policy.login} may {verb} {table}.{column}")
        for column in sorted(wanted - held):
            yield Drift("less", f"{policy.login} may not {verb} {table}.{column}")
    may_delete = bool(granted(policy, table, "delete"))
    for other in sorted(relation.others):
        if other != "delete" or not may_delete:
            yield Drift("more", f"{policy.login} has the right {other.upper()} on {table}")
    if may_delete and "delete" not in relation.others:
        yield Drift("less", f"{policy.login} may not delete from {table}")
    filtered = any(role.grants[table].rows is not None for role in policy.roles.values() if table in role.grants)
    if filtered and not (relation.row_security and relation.filters):
        yield Drift("more", f"{policy.login} sees every row of {table}: its row filter is not in place")
    if not filtered and relation.filters:
        yield Drift("less", f"{table} has a row filter for {policy.login} that the file does not state")


def _functions(policy: Policy, rights: Rights) -> Iterator[Drift]:
    wanted = {*own_functions(policy)}
    for name in sorted(wanted - rights.all_functions):
        near = get_close_matches(name, rights.all_functions, n=1)
        yield Drift("missing", f"function {name} does not exist" + (f': did you mean "{near[0]}"?' if near else ""))
    for name in sorted(rights.functions - granted_functions(policy) - rights.needed_functions):
        yield Drift("more", f"{policy.login} may call {name}")
    for name in sorted((wanted & rights.all_functions) - rights.functions):
        yield Drift("less", f"{policy.login} may not call {name}")
