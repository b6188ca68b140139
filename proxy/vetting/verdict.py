"""What vetting says of a statement. Only `proxy.vetting` makes an `Allowed`; the executor takes nothing else."""

from dataclasses import dataclass, field
from typing import Literal

from proxy.policy.model import TableName

Command = Literal["SELECT", "INSERT", "UPDATE", "DELETE"]


@dataclass(frozen=True, slots=True)
class Touched:
    """All that a statement reads, writes and calls, as vetting understood it.

    `reads` and `writes` map a table to columns (`*` stands for every column:
    a whole-row reference, `count(*)` needs none). `deletes`, `locks` and
    `unbounded` (a change of every row) name tables. `types` are those that
    are not PostgreSQL's own plain ones.
    """

    reads: dict[TableName, frozenset[str]] = field(default_factory=dict)
    inserts: dict[TableName, frozenset[str]] = field(default_factory=dict)
    updates: dict[TableName, frozenset[str]] = field(default_factory=dict)
    deletes: frozenset[TableName] = frozenset()
    locks: frozenset[TableName] = frozenset()
    unbounded: frozenset[TableName] = frozenset()
    functions: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Allowed:
    """A statement that may run: the text regenerated from the judged tree, and what it touches.

    `parameter_count` is the highest `$n` it names. `writes` says whether it
    changes data anywhere, also in a CTE. `fingerprint` names the statement's
    shape in logs (16 hex digits; literals do not change it). `observed` is
    the denial that mode `observe` let through. `may_write` says whether it may
    change data: as vetting saw it, or in a function of the tenant's own
    (`schema.name`).
    """

    sql: str
    command: Command
    writes: bool
    parameter_count: int
    fingerprint: str
    touched: Touched
    observed: "Denied | None" = None
    may_write: bool = field(init=False)

    def __post_init__(self) -> None:
        """Work out what each run of the statement asks."""
        may_write = self.writes or any("." in name for name in self.touched.functions)
        object.__setattr__(self, "may_write", may_write)


@dataclass(frozen=True, slots=True)
class Denied:
    """A statement that may not run.

    `rule` is a slug of `docs/rules/`. `code` is a SQLSTATE: 42501 where the
    policy does not grant it, another of class 42 where PostgreSQL itself would
    refuse it (42703, no such column). `position` counts characters of the
    caller's text, from 1; `detail` says it as line and column. `syntax` marks
    text that vetting could not read at all: PostgreSQL may know it for a plain
    syntax error. `fingerprint` is empty where the text could not be read.
    """

    rule: str
    message: str
    code: str = "42501"
    detail: str | None = None
    hint: str | None = None
    position: int | None = None
    syntax: bool = False
    fingerprint: str = ""


Verdict = Allowed | Denied
