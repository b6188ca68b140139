"""system-column: `ctid`, `xmin` and their kin tell of storage and other sessions; nothing grants them."""

from collections.abc import Iterator

from proxy.vetting.denial import Denial
from proxy.vetting.grants import Grants
from proxy.vetting.scope import SYSTEM_COLUMNS
from proxy.vetting.statement import Statement


def system_column(statement: Statement, grants: Grants) -> Iterator[Denial]:
    """Yield a denial for each system column."""
    del grants
    for use in statement.uses.columns:
        if use.column in SYSTEM_COLUMNS:
            yield Denial(
                "system-column",
                f"the system column {use.column} is not available through the gateway",
                hint="Use the table's own key.",
                at=use.at,
                final=True,
            )
