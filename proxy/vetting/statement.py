"""A statement as vetting understood it: its tree with every name bound, and each thing it uses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from proxy.policy.model import TableName, Verb
from proxy.vetting.tree import Node
from proxy.vetting.verdict import Command

ALL = "*"


class ColumnUse(NamedTuple):
    """A verb on a column; `column` is `*` for every column, and None where the table alone is named."""

    verb: Verb
    table: TableName
    column: str | None
    at: int | None


class TableUse(NamedTuple):
    """A row lock, a deletion, or a change of every row."""

    kind: Literal["lock", "delete", "unbounded-update", "unbounded-delete"]
    table: TableName
    at: int | None


class NameUse(NamedTuple):
    """A function that is called or a type that is named, by schema and name."""

    schema: str
    name: str
    at: int | None

    def __str__(self) -> str:
        """Spell it as a policy does: bare in pg_catalog."""
        return self.name if self.schema == "pg_catalog" else f"{self.schema}.{self.name}"


@dataclass(slots=True)
class Uses:
    """Everything that a statement touches, each with its place."""

    columns: list[ColumnUse] = field(default_factory=list)
    tables: list[TableUse] = field(default_factory=list)
    functions: list[NameUse] = field(default_factory=list)
    types: list[NameUse] = field(default_factory=list)


@dataclass(slots=True)
class Statement:
    """A statement whose every name is bound.

    `renamed` maps spelled names to the caller's. `dropped` has the places of
    names that the spelling leaves out: the schema of `schema.table.column`.
    """

    tree: Node
    command: Command
    writes: bool
    parameter_count: int
    uses: Uses
    renamed: Mapping[str, str]
    dropped: frozenset[int] = frozenset()


class Schema(Protocol):
    """What is known of tables: exactly (a catalog) or in part (a policy's column lists)."""

    @property
    def complete(self) -> bool:
        """Say whether all there is is known, so that a table without known columns does not exist."""

    def granted(self, table: TableName) -> bool:
        """Say whether the policy grants anything on this table."""

    def columns(self, table: TableName) -> tuple[str, ...] | None:
        """Return the table's columns in PostgreSQL's order, or None where only the policy is known."""

    def listed(self, table: TableName) -> tuple[str, ...]:
        """Return the columns that the policy names for this table."""

    def readable_whole(self, table: TableName) -> bool:
        """Say whether every column may be read, so that what does not exist may be told."""
