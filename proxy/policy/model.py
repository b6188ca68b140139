"""A policy as values: what a reviewed file says, and nothing it does not.

Every name is PostgreSQL's own spelling (unquoted names are already folded to
lower case when a file is parsed). What is absent is denied.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Verb = Literal["select", "insert", "update", "delete"]


class TableName(NamedTuple):
    """A table, view or set-returning function by its full name."""

    schema: str
    name: str

    def __str__(self) -> str:
        """Spell the name as a policy file does: `public` is left out."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that one verb is granted: all of a table's, or those named, in the file's order."""

    all: bool = False
    names: tuple[str, ...] = ()

    def __contains__(self, column: object) -> bool:
        """Say whether the column is granted."""
        return self.all or column in self.names

    def __bool__(self) -> bool:
        """Say whether the verb is granted at all."""
        return self.all or bool(self.names)


NO_COLUMNS = Columns()
ALL_COLUMNS = Columns(all=True)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one role may do with one table.

    `rows` is a boolean SQL expression over the table's columns; it becomes a
    row-level security policy. `unbounded` allows UPDATE and DELETE without
    WHERE. `lock` allows FOR UPDATE and its kin.
    """

    table: TableName
    select: Columns = NO_COLUMNS
    insert: Columns = NO_COLUMNS
    update: Columns = NO_COLUMNS
    delete: bool = False
    rows: str | None = None
    unbounded: bool = False
    lock: bool = False
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the policy file: its grants by table."""

    name: str
    grants: Mapping[TableName, Grant]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one tenant may use. Times in milliseconds, sizes in bytes."""

    timeout_ms: int = 5_000
    rows: int = 1_000
    bytes: int = 1_048_576
    rate_per_s: float = 10.0
    rate_burst: int = 600
    concurrency: int = 8
    statement_bytes: int = 32_768


@dataclass(frozen=True, slots=True)
class NamedStatement:
    """An exact statement that some roles may run whatever the grants say."""

    name: str
    to: tuple[str, ...]
    sql: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """One line of a policy's own tests: `allow` or `deny` for a role, and the rule expected of a denial."""

    role: str
    sql: str
    expect: Literal["allow", "deny"]
    rule: str | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """One tenant's policy file.

    `claims` maps a session setting to the claim it is set to. `functions`
    holds names as the file lists them: groups (`proxy.policy.functions`) and
    single functions (`gen_random_uuid`, `audit.log_event`). `digest` is the
    SHA-256 of the file's text in hex: part of every verdict's cache key.
    `second_reader_off_because` is why no statement is held to PostgreSQL's own
    analysis; None, as it should be, where each one is.
    """

    tenant: str
    database: str
    login: str
    roles: Mapping[str, Role]
    mode: Literal["enforce", "observe"] = "enforce"
    limits: Limits = Limits()
    claims: Mapping[str, str] = field(default_factory=dict)
    functions: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    statements: tuple[NamedStatement, ...] = ()
    tests: tuple[PolicyTest, ...] = ()
    second_reader_off_because: str | None = None
    digest: str = ""
    source: str = ""
