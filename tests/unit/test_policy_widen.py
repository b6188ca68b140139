"""The lines that grant a statement: enough, no more than that, and valid as they stand."""

import pytest

from proxy.policy.document import parse_policy
from proxy.policy.model import ALL_COLUMNS, Policy, TableName
from proxy.policy.widen import Wanted, lines, scalar, table_key, widen

HEAD = "tenant: t\ndatabase: d\nlogin: l\n"
T = TableName("public", "t")


def policy(rest: str) -> Policy:
    """Read a policy that has a head already."""
    return parse_policy(HEAD + rest, "p.yaml")


def added(old: str, wanted: Wanted, role: str = "r") -> str:
    """Return the lines that grant what is wanted."""
    before = policy(old)
    return "\n".join(lines(before, widen(before, role, wanted), role))


def test_columns_are_added_to_those_that_are_granted() -> None:
    """The table's grant is spelled whole, so that it can replace the old one."""
    wanted = Wanted(select={T: frozenset({"a", "c"})}, delete=frozenset({T}), unbounded=frozenset({T}))
    assert added("roles: {r: {t: {select: [b, a], rows: \"x = 'y'\"}}}", wanted) == (
        "roles:\n  r:\n    t:\n      select: [b, a, c]\n      delete: true\n"
        "      unbounded: true  # without it, UPDATE and DELETE need a WHERE\n"
        "      rows: 'x = ''y'''"
    )


def test_functions_are_added_by_their_group() -> None:
    """A function of a group brings its group, any other its own name."""
    wanted = Wanted(functions=frozenset({"lower", "upper", "count", "repeat", "app.f"}))
    assert added("functions: [aggregates]\nroles: {r: }", wanted) == "functions: [aggregates, app.f, text, repeat]"


def test_what_is_granted_already_needs_no_line() -> None:
    """A statement that is allowed adds nothing."""
    wanted = Wanted(select={T: frozenset({"a"})}, functions=frozenset({"count"}), types=frozenset({"public.mood"}))
    assert added("functions: [aggregates]\ntypes: [mood]\nroles: {r: {t: {select: all}}}", wanted) == ""


def test_every_column_needs_all() -> None:
    """A whole row is not granted by naming columns."""
    wider = widen(policy("roles: {r: {t: {select: [a]}}}"), "r", Wanted(select={T: frozenset({"*"})}))
    assert wider.roles["r"].grants[T].select == ALL_COLUMNS


def test_a_lock_brings_select_and_update() -> None:
    """PostgreSQL asks for both of whoever locks a row."""
    wanted = Wanted(select={T: frozenset({"a"})}, lock=frozenset({T}))
    assert added("roles: {r: }", wanted) == (
        "roles:\n  r:\n    t:\n      select: [a]\n      update: [id]\n      lock: true"
    )


@pytest.mark.parametrize("name", ["no", "On", "1", "a b", "a: b", "it's", "null", "-", "häuser", "x#y", "{a}"])
def test_names_are_spelled_so_that_the_parser_reads_them_back(name: str) -> None:
    """Whatever a column or a table is called, the lines are valid and say the same."""
    table = TableName("we.ird", name)
    before = policy("roles: {r: }")
    wider = widen(before, "r", Wanted(select={table: frozenset({name})}))
    again = policy("\n".join(lines(before, wider, "r")))
    assert again.roles["r"].grants[table].select.names == (name,)


def test_plain_names_stay_plain() -> None:
    """Quotes stand only where they are needed."""
    assert [scalar("id"), scalar("no"), table_key(TableName("hr", "t")), table_key(TableName("public", "a.b"))] == [
        "id", "'no'", "hr.t", "'\"a.b\"'",
    ]  # fmt: skip
