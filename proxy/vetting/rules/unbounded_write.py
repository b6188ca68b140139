"""unbounded-write: UPDATE and DELETE without WHERE need `unbounded: true`."""

from collections.abc import Iterator

from proxy.vetting.denial import Denial
from proxy.vetting.grants import Grants
from proxy.vetting.statement import Statement


def unbounded_write(statement: Statement, grants: Grants) -> Iterator[Denial]:
    """Yield a denial for each change of every row that the grant does not allow."""
    for kind, table, at in statement.uses.tables:
        grant = grants.grant(table)
        if kind.startswith("unbounded") and (grant is None or not grant.unbounded):
            verb = kind.removeprefix("unbounded-").upper()
            yield Denial(
                "unbounded-write",
                f"{verb} without WHERE would change every row of {table}",
                hint=f'Add WHERE; or write under "{grants.role.name}" in the policy: {table}: {{unbounded: true}}',
                at=at,
            )
