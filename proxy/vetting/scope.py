"""What a name may stand for at one place of a statement."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy.policy.model import TableName

# Of functions of pg_catalog that return rows, those whose rows have columns of their own names.
ROW_FUNCTIONS: dict[str, tuple[str, ...]] = {
    "json_array_elements": ("value",),
    "json_array_elements_text": ("value",),
    "jsonb_array_elements": ("value",),
    "jsonb_array_elements_text": ("value",),
    "json_each": ("key", "value"),
    "json_each_text": ("key", "value"),
    "jsonb_each": ("key", "value"),
    "jsonb_each_text": ("key", "value"),
    "ts_debug": ("alias", "description", "token", "dictionaries", "dictionary", "lexemes"),
    "ts_parse": ("tokid", "token"),
    "ts_token_type": ("tokid", "alias", "description"),
}
# Functions whose columns only the caller's own definitions or row type name.
SHAPELESS_FUNCTIONS = frozenset(
    f"{kind}_{verb}" for kind in ("json", "jsonb") for verb in ("populate_record", "populate_recordset")
) | {"json_to_record", "json_to_recordset", "jsonb_to_record", "jsonb_to_recordset"}

SYSTEM_COLUMNS = frozenset({"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"})


@dataclass(slots=True)
class Source:
    """One item of FROM, or the target of a change.

    `name` is what the statement calls it, `alias` what the regenerated text
    does. `columns` is exact, or None where the shape is not known. `table` is
    set for a real table, view or granted function. `excluded` marks the row
    that ON CONFLICT proposes; `scalar` a function of one plain value, whose
    name alone stands for that value.
    """

    name: str | None
    alias: str
    columns: tuple[str, ...] | None
    table: TableName | None = None
    listed: tuple[str, ...] = ()
    aliased: bool = False
    excluded: bool = False
    scalar: bool = False

    def has(self, column: str) -> bool | None:
        """Say whether the source has this column; None where nobody knows."""
        if self.columns is not None:
            return column in self.columns or (self.table is not None and column in SYSTEM_COLUMNS)
        if column in self.listed or (self.table is not None and column in SYSTEM_COLUMNS):
            return True
        return None


@dataclass(slots=True)
class Scope:
    """The sources that a place can see, then those of the query around it.

    `merged` has the names that USING made one column of. `columns` is what `*`
    stands for, or None where that is not known.
    """

    parent: "Scope | None" = None
    sources: list[Source] = field(default_factory=list)
    merged: set[str] = field(default_factory=set)
    columns: "Outputs" = ()

    @staticmethod
    def of(source: Source) -> "Scope":
        """Return a scope that sees one source."""
        return Scope(None, [source], columns=source.columns)

    def extended(self, other: "Scope") -> "Scope":
        """Return a scope of the same parent that also sees what another does."""
        return Scope(
            self.parent,
            [*self.sources, *other.sources],
            self.merged | other.merged,
            joined_columns((), self.columns, other.columns),
        )


@dataclass(slots=True)
class CommonTable:
    """A common table expression: the name it is spelled by (never a table's), and its columns once known."""

    alias: str
    columns: tuple[str, ...] | None


Environment = dict[str, CommonTable]
# The columns of a query, where they are known.
Outputs = tuple[str, ...] | None

# PostgreSQL's own limit (MaxTupleAttributeNumber). Stars of stars would double without end.
MOST_COLUMNS = 1_664


def joined_columns(using: Sequence[str], left: Outputs, right: Outputs) -> Outputs:
    """Return what `*` stands for after a join: the columns of USING once, then the others of each side.

    Too many columns for any query stay too many, but no more than that.
    """
    if left is None or right is None:
        return None
    rest = (name for name in (*left, *right) if name not in using) if using else (*left, *right)
    return (*using, *rest)[: MOST_COLUMNS + 1]
