"""The rules, one a module: the slug is the module, its function, its page in `docs/rules/` and its corpus folder.

Rules of the text and the grammar stop at the first fault. Rules of what a
statement uses look at it whole and name the first fault by place.
"""

from collections.abc import Callable, Iterator

from proxy.vetting.denial import Denial
from proxy.vetting.grants import Grants
from proxy.vetting.rules.column_granted import column_granted
from proxy.vetting.rules.function_granted import function_granted
from proxy.vetting.rules.row_lock_granted import row_lock_granted
from proxy.vetting.rules.system_column import system_column
from proxy.vetting.rules.table_granted import table_granted
from proxy.vetting.rules.type_known import type_known
from proxy.vetting.rules.unbounded_write import unbounded_write
from proxy.vetting.statement import Statement

UseRule = Callable[[Statement, Grants], Iterator[Denial]]

# In the order in which a denial is told: what is wanted at all, then how.
USE_RULES: tuple[UseRule, ...] = (
    table_granted,
    system_column,
    column_granted,
    function_granted,
    type_known,
    row_lock_granted,
    unbounded_write,
)

SLUGS = frozenset(
    {
        "text-plain",
        "statement-size",
        "single-statement",
        "statement-kind",
        "syntax-known",
        "names-resolved",
        "regenerated-faithfully",
        "role-known",
        "vetting-failed",
        "vetting-disagreement",
        *(rule.__name__.replace("_", "-") for rule in USE_RULES),
    }
)
