"""column-granted: every column is granted with the verb it is used with; `*` and whole rows need `all`."""

from collections.abc import Iterator

from proxy.policy.model import Columns, Verb
from proxy.vetting.denial import Denial
from proxy.vetting.grants import Grants
from proxy.vetting.statement import ALL, ColumnUse, Statement

_DOING: dict[Verb, str] = {"select": "read", "insert": "insert", "update": "update", "delete": "delete"}


def column_granted(statement: Statement, grants: Grants) -> Iterator[Denial]:
    """Yield a denial for each column that the role may not use so."""
    for use in statement.uses.columns:
        granted = grants.verb(use.verb, use.table)
        if use.column is None or granted.all:
            continue
        if use.column == ALL:
            yield _whole(use, granted, grants)
        elif use.column not in granted:
            yield _one(use, granted, grants)


def _whole(use: ColumnUse, granted: Columns, grants: Grants) -> Denial:
    what = "insert into it without a column list" if use.verb == "insert" else f"{use.verb} * or the whole row"
    return Denial(
        "column-granted",
        f'role "{grants.role.name}" is granted single columns of {use.table} and may not {what}',
        hint=f"Name the columns; granted are: {', '.join(granted.names)}.",
        at=use.at,
    )


def _one(use: ColumnUse, granted: Columns, grants: Grants) -> Denial:
    role = grants.role.name
    columns = ", ".join((*granted.names, use.column or ""))
    return Denial(
        "column-granted",
        f'role "{role}" may not {_DOING[use.verb]} column {use.table}.{use.column}',
        hint=f'To allow it, write under "{role}" in the policy: {use.table}: {{{use.verb}: [{columns}]}}',
        at=use.at,
    )
