"""What a change of a policy file grants or takes, in words: what a reviewer needs to see.

Layout, comments, order and tests of a file give no rights and are not told.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from proxy.policy.functions import GROUPS, expand
from proxy.policy.model import Columns, Grant, Limits, NamedStatement, Policy, Role, TableName


class Change(NamedTuple):
    """One difference. `grants` and `takes` are of the new file; `changes` is neither, or both."""

    kind: Literal["grants", "takes", "changes"]
    message: str

    def __str__(self) -> str:
        """Return a line that a terminal shows: a sign, and the words."""
        return f"{ {'grants': '+', 'takes': '-', 'changes': '~'}[self.kind] } {self.message}"


def diff(old: Policy, new: Policy) -> list[Change]:
    """Return every difference in what two versions of a policy allow, grants first within each part."""
    return [
        *_document(old, new),
        *_limits(old.limits, new.limits),
        *_claims(old, new),
        *_functions(old, new),
        *_names("type", set(old.types), set(new.types)),
        *_roles(old, new),
        *_statements(old, new),
    ]


def _document(old: Policy, new: Policy) -> Iterator[Change]:
    for name in ("tenant", "database", "login"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Change("changes", f"{name}: {before} becomes {after}")
    if old.mode != new.mode:
        lets = new.mode == "observe"
        yield Change(
            "grants" if lets else "takes",
            f"mode: {old.mode} becomes {new.mode}"
            + (": what would be denied runs, and is recorded" if lets else ": what is not granted is denied"),
        )

    yield from _second_reader(old.second_reader_off_because, new.second_reader_off_because)


def _second_reader(before: str | None, after: str | None) -> Iterator[Change]:
    if before == after:
        return
    if after is None:
        yield Change("takes", "second reader: on again: PostgreSQL's own analysis is held against every verdict")
    else:
        what = (
            "OFF: no verdict is held against PostgreSQL's own analysis" if before is None else "off for another reason"
        )
        yield Change("grants" if before is None else "changes", f"second reader: {what} ({after})")


def _limits(old: Limits, new: Limits) -> Iterator[Change]:
    for name, unit in (
        ("timeout_ms", "ms"), ("rows", ""), ("bytes", "bytes"), ("rate_per_s", "per second"), ("rate_burst", "at once"),
        ("concurrency", ""), ("statement_bytes", "bytes"),
    ):  # fmt: skip
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            word = name.removesuffix("_ms").removesuffix("_per_s").removesuffix("_burst")
            yield Change(
                "grants" if after > before else "takes",
                f"limit {word}: {before:,.10g} becomes {after:,.10g} {unit}".rstrip(),
            )


def _claims(old: Policy, new: Policy) -> Iterator[Change]:
    for setting in sorted({*old.claims, *new.claims}):
        before, after = old.claims.get(setting), new.claims.get(setting)
        if before != after:
            yield Change("changes", f"claims: {setting} {_set_to(before)} becomes {_set_to(after)}")


def _set_to(claim: str | None) -> str:
    return "not set" if claim is None else f"set to {claim}"


def _functions(old: Policy, new: Policy) -> Iterator[Change]:
    before, after = expand(old.functions), expand(new.functions)
    yield from (Change("grants", f"may call {words}") for words in _in_groups(after - before))
    yield from (Change("takes", f"may no longer call {words}") for words in _in_groups(before - after))


def _in_groups(names: frozenset[str]) -> Iterator[str]:
    """Tell functions by whole groups where they fill one."""
    rest = set(names)
    for group, members in GROUPS.items():
        if members <= names:
            rest -= members
            yield f"the functions of {group}"
    yield from (f"function {name}" for name in sorted(rest))


def _names(what: str, before: set[str], after: set[str]) -> Iterator[Change]:
    yield from (Change("grants", f"may name {what} {name}") for name in sorted(after - before))
    yield from (Change("takes", f"may no longer name {what} {name}") for name in sorted(before - after))


def _roles(old: Policy, new: Policy) -> Iterator[Change]:
    for name in sorted({*old.roles, *new.roles}):
        before, after = old.roles.get(name), new.roles.get(name)
        if before is None:
            yield Change("grants", f"there is a role {name}")
        if after is None:
            yield Change("takes", f"there is no role {name} any more")
        yield from _grants(before or Role(name, {}), after or Role(name, {}))


def _grants(old: Role, new: Role) -> Iterator[Change]:
    for table in sorted({*old.grants, *new.grants}):
        before, after = old.grants.get(table), new.grants.get(table)
        yield from _verbs(new.name, table, before or Grant(table), after or Grant(table))
        if before is not None and after is not None:
            yield from _rows(new.name, table, before.rows, after.rows)
        elif after is not None and after.rows is not None:
            yield Change("takes", f"{new.name}: of {table} only rows where {after.rows}")


def _verbs(role: str, table: TableName, old: Grant, new: Grant) -> Iterator[Change]:
    for verb in ("select", "insert", "update"):
        yield from _columns(f"{role}: {verb} {table}", getattr(old, verb), getattr(new, verb))
    for flag, words in (
        ("delete", f"delete from {table}"),
        ("unbounded", f"change all rows of {table} without WHERE"),
        ("lock", f"lock rows of {table}"),
    ):
        before, after = getattr(old, flag), getattr(new, flag)
        if before != after:
            yield Change("grants" if after else "takes", f"{role}: {words}")


def _columns(what: str, old: Columns, new: Columns) -> Iterator[Change]:
    if old.all and new.all:
        return
    if new.all:
        yield Change("grants", f"{what}: every column, also those that are added to the table later")
    elif old.all and new:
        yield Change("takes", f"{what}: no longer every column, only {', '.join(new.names)}")
    elif old.all:
        yield Change("takes", f"{what}: any column")
    else:
        added = [name for name in new.names if name not in old.names]
        taken = [name for name in old.names if name not in new.names]
        if added:
            yield Change("grants", f"{what}: {', '.join(added)}")
        if taken:
            yield Change("takes", f"{what}: {', '.join(taken)}")


def _rows(role: str, table: TableName, old: str | None, new: str | None) -> Iterator[Change]:
    if old == new:
        return
    if old is None:
        yield Change("takes", f"{role}: of {table} no longer every row, only those where {new}")
    elif new is None:
        yield Change("grants", f"{role}: every row of {table}, no longer only those where {old}")
    else:
        yield Change("changes", f"{role}: rows of {table} where {old} become rows where {new}")


def _statements(old: Policy, new: Policy) -> Iterator[Change]:
    before, after = ({statement.name: statement for statement in policy.statements} for policy in (old, new))
    for name in sorted({*before, *after}):
        yield from _statement(name, before.get(name), after.get(name))


def _statement(name: str, old: NamedStatement | None, new: NamedStatement | None) -> Iterator[Change]:
    to_before, to_after = set(old.to if old else ()), set(new.to if new else ())
    for role in sorted(to_after - to_before):
        yield Change("grants", f"{role}: run the statement {name}")
    for role in sorted(to_before - to_after):
        yield Change("takes", f"{role}: run the statement {name}")
    if old and new and old.sql != new.sql:
        yield Change("changes", f"the statement {name} has another text")
