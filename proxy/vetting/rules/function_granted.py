"""function-granted: every function is in a group that the policy lists, or is listed itself."""

from collections.abc import Iterator

from proxy.policy.functions import BUILTIN, GROUPS, is_forbidden
from proxy.vetting.denial import Denial
from proxy.vetting.grants import Grants
from proxy.vetting.statement import NameUse, Statement


def function_granted(statement: Statement, grants: Grants) -> Iterator[Denial]:
    """Yield a denial for each function that the policy does not list."""
    for use in statement.uses.functions:
        name = str(use)
        if name not in grants.functions or is_forbidden(name):
            yield Denial(
                "function-granted",
                f"function {name} is not granted",
                hint=_hint(use, name),
                at=use.at,
                final=is_forbidden(name),
            )


def _hint(use: NameUse, name: str) -> str:
    if is_forbidden(name):
        return "Nothing can grant it: it reaches beyond the tables of the policy."
    if use.schema == "pg_catalog" and name not in BUILTIN:
        return "PostgreSQL has no function of this name."
    groups = sorted(group for group, names in GROUPS.items() if name in names)
    if groups:
        return f'To allow it, add the group "{groups[0]}" or "{name}" to functions in the policy.'
    return f'To allow it, add "{name}" to functions in the policy.'
