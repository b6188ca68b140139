"""row-lock-granted: FOR UPDATE and its kin need `lock: true` on every table that they reach."""

from collections.abc import Iterator

from proxy.vetting.denial import Denial
from proxy.vetting.grants import Grants
from proxy.vetting.statement import Statement


def row_lock_granted(statement: Statement, grants: Grants) -> Iterator[Denial]:
    """Yield a denial for each table whose rows the role may not lock."""
    for kind, table, at in statement.uses.tables:
        grant = grants.grant(table)
        if kind == "lock" and (grant is None or not grant.lock):
            yield Denial(
                "row-lock-granted",
                f'role "{grants.role.name}" may not lock rows of {table}',
                hint=f'To allow FOR UPDATE, write under "{grants.role.name}" in the policy: {table}: {{lock: true}}',
                at=at,
            )
