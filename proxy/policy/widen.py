"""A policy made wider by what a statement wants, and the lines that make a file say so.

`widen` gives the policy as it would be; `lines` spells only what has to
change, each table's grant whole, so that a reader can paste it over the old.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from proxy.policy.functions import GROUPS, expand
from proxy.policy.model import ALL_COLUMNS, Columns, Grant, Policy, Role, TableName

# A name that YAML reads as itself, and that a reader takes for a name. Others are quoted.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_MISREAD = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
WHOLE = "*"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a statement touches. Columns by table and verb (`*`: all of them); an empty set wants any one column."""

    select: Mapping[TableName, frozenset[str]] = field(default_factory=dict)
    insert: Mapping[TableName, frozenset[str]] = field(default_factory=dict)
    update: Mapping[TableName, frozenset[str]] = field(default_factory=dict)
    delete: frozenset[TableName] = frozenset()
    lock: frozenset[TableName] = frozenset()
    unbounded: frozenset[TableName] = frozenset()
    functions: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()

    def tables(self) -> list[TableName]:
        """Return every table that is touched, in order."""
        return sorted({*self.select, *self.insert, *self.update, *self.delete, *self.lock, *self.unbounded})


def widen(policy: Policy, role: str, wanted: Wanted) -> Policy:
    """Return the policy with all that is wanted granted to one of its roles (which may be new)."""
    grants = dict(policy.roles[role].grants) if role in policy.roles else {}
    for table in wanted.tables():
        grants[table] = _widen_grant(grants.get(table, Grant(table)), wanted)
    types = {name if "." in name else f"public.{name}" for name in policy.types}
    return replace(
        policy,
        roles={**policy.roles, role: Role(role, grants)},
        functions=(*policy.functions, *sorted(wanted.functions - expand(policy.functions))),
        types=(*policy.types, *sorted(wanted.types - types)),
    )


def _widen_grant(grant: Grant, wanted: Wanted) -> Grant:
    table = grant.table
    locks = table in wanted.lock
    return replace(
        grant,
        select=_widen_columns(grant.select, wanted.select.get(table)),
        insert=_widen_columns(grant.insert, wanted.insert.get(table)),
        # PostgreSQL asks for the right to update of whoever locks a row.
        update=_widen_columns(grant.update, wanted.update.get(table, frozenset() if locks else None)),
        delete=grant.delete or table in wanted.delete,
        lock=grant.lock or locks,
        unbounded=grant.unbounded or table in wanted.unbounded,
    )


def _widen_columns(granted: Columns, wanted: frozenset[str] | None) -> Columns:
    if wanted is None or granted.all:
        return granted
    if WHOLE in wanted:
        return ALL_COLUMNS
    if not wanted and not granted:
        return Columns(names=("id",))
    return Columns(names=(*granted.names, *sorted(wanted - set(granted.names))))


def lines(old: Policy, new: Policy, role: str) -> list[str]:
    """Spell in YAML what a file has to say to become the wider policy: nothing that it says already."""
    before = old.roles[role].grants if role in old.roles else {}
    changed = [grant for table, grant in sorted(new.roles[role].grants.items()) if grant != before.get(table)]
    found: list[str] = []
    if new.functions != old.functions:
        found.append(f"functions: {_flow(_grouped(old, new))}")
    if new.types != old.types:
        found.append(f"types: {_flow(new.types)}")
    if changed or role not in old.roles:
        found += ["roles:", f"  {scalar(role)}:"]
    for grant in changed:
        found += [f"    {table_key(grant.table)}:", *(f"      {line}" for line in _grant_lines(grant))]
    return found


def _grouped(old: Policy, new: Policy) -> Iterator[str]:
    """Spell added functions by the group that holds them, where there is one."""
    yield from old.functions
    told: set[str] = set()
    for name in new.functions[len(old.functions) :]:
        group = next((group for group, names in GROUPS.items() if name in names), name)
        if group not in told:
            told.add(group)
            yield group


def _grant_lines(grant: Grant) -> Iterator[str]:
    for verb, columns in (("select", grant.select), ("insert", grant.insert), ("update", grant.update)):
        if columns:
            yield f"{verb}: {'all' if columns.all else _flow(columns.names)}"
    for flag in ("delete", "unbounded", "lock"):
        if getattr(grant, flag):
            yield f"{flag}: true" + ("  # without it, UPDATE and DELETE need a WHERE" if flag == "unbounded" else "")
    if grant.rows is not None:
        yield f"rows: {_quoted(grant.rows)}"


def _flow(names: Iterator[str] | tuple[str, ...]) -> str:
    return f"[{', '.join(scalar(name) for name in names)}]"


def scalar(name: str) -> str:
    """Spell a name for YAML, in quotes where another reader of the file would not take it for a name."""
    return name if _PLAIN.fullmatch(name) and name.lower() not in _MISREAD else _quoted(name)


def table_key(table: TableName) -> str:
    """Spell a table as a policy's key: a name with a dot or a quote in it stands in double quotes."""
    parts = (table.name,) if table.schema == "public" else tuple(table)
    return scalar(
        ".".join('"' + part.replace('"', '""') + '"' if '"' in part or "." in part else part for part in parts)
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'" if "\n" not in text else '"' + text.replace("\n", "\\n") + '"'
