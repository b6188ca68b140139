"""type-known: PostgreSQL's own plain types, with capped modifiers; other types where the policy lists them."""

from collections.abc import Iterator

from proxy.vetting.denial import Denial
from proxy.vetting.grants import Grants
from proxy.vetting.statement import Statement


def type_known(statement: Statement, grants: Grants) -> Iterator[Denial]:
    """Yield a denial for each type that is not PostgreSQL's own and that the policy does not list."""
    for use in statement.uses.types:
        name = f"{use.schema}.{use.name}"
        if name not in grants.types:
            shown = use.name if use.schema == "public" else name
            yield Denial(
                "type-known",
                f"type {shown} is not available",
                hint=f'If it is an enum or a domain of this database, add "{shown}" to types in the policy.',
                at=use.at,
            )
