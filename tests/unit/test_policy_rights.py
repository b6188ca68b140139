"""A login's rights held against its file, in both directions."""

from dataclasses import replace

from proxy.policy.document import parse_policy
from proxy.policy.model import TableName
from proxy.policy.rights import RelationRights, Rights, drift, granted, tables

T = TableName("public", "t")
POLICY = parse_policy(
    """
tenant: t
database: d
login: edge
functions: [text, app.price]
roles:
  one: {t: {select: [a], update: [b], rows: a > 1}}
  two: {t: {select: [c], delete: true}, recent: {select: all}}
""",
    "p.yaml",
)
ABC = ("a", "b", "c")
EQUAL = Rights(
    relations={
        T: RelationRights(
            ABC,
            {"select": frozenset({"a", "c"}), "insert": frozenset(), "update": frozenset({"b"})},
            frozenset({"delete"}),
            row_security=True,
            filters=frozenset({"database_proxy edge select permissive"}),
        )
    },
    functions=frozenset({"app.price", "public.recent", "app.default_code"}),
    all_functions=frozenset({"app.price", "public.recent", "app.default_code", "app.other"}),
    needed_functions=frozenset({"app.default_code"}),
)


def told(rights: Rights) -> list[str]:
    """Return the differences as a terminal shows them."""
    return [f"{kind}: {message}" for kind, message in drift(POLICY, rights)]


def with_table(**changes: object) -> Rights:
    """Return the equal rights with another table."""
    return replace(EQUAL, relations={T: replace(EQUAL.relations[T], **changes)})  # type: ignore[arg-type]


def test_rights_equal_to_the_file_are_no_difference() -> None:
    """The union of the roles, and what PostgreSQL calls on the login's behalf, is what the file says."""
    assert told(EQUAL) == []


def test_a_login_that_is_not_there_is_one_difference() -> None:
    """Nothing else is told of it."""
    assert told(Rights(exists=False)) == ['missing: the login "edge" does not exist: run `policy sql`']


def test_powers_and_functions_are_more() -> None:
    """Attributes of the role and functions that nobody granted."""
    more = replace(
        EQUAL,
        powers=("is a superuser",),
        reaching=("set_config(text,text,boolean)",),
        functions=EQUAL.functions | {"app.other"},
    )
    assert told(more) == [
        "more: edge is a superuser",
        "more: edge may call set_config(text,text,boolean)",
        "more: edge may call app.other",
    ]


def test_columns_and_verbs_are_compared_both_ways() -> None:
    """A column too many is more, a column too few is less, and so with verbs."""
    columns = {"select": frozenset({"a", "b"}), "insert": frozenset({"a"}), "update": frozenset[str]()}
    assert told(with_table(columns=columns, others=frozenset({"truncate"}))) == [
        "more: edge may select t.b",
        "less: edge may not select t.c",
        "more: edge may insert t.a",
        "less: edge may not update t.b",
        "more: edge has the right TRUNCATE on t",
        "less: edge may not delete from t",
    ]


def test_a_filter_that_is_not_in_place_is_more() -> None:
    """Without row-level security, or without its policies, every row shows."""
    expected = ["more: edge sees every row of t: its row filter is not in place"]
    assert told(with_table(row_security=False)) == expected
    assert told(with_table(filters=frozenset())) == expected


def test_what_is_missing_is_told_with_the_nearest_name() -> None:
    """Tables, columns and functions of the file that the database does not have."""
    renamed = replace(
        with_table(all_columns=("a", "b", "cc"), columns={"select": frozenset({"a"}), "update": frozenset({"b"})}),
        all_functions=frozenset({"app.prize", "public.recent"}),
        functions=frozenset({"public.recent"}),
    )
    assert told(renamed) == [
        'missing: column t.c does not exist: did you mean "cc"?',
        'missing: function app.price does not exist: did you mean "app.prize"?',
    ]
    assert told(replace(EQUAL, relations={TableName("public", "tt"): EQUAL.relations[T]}))[0] == (
        'missing: table t does not exist: did you mean "tt"?'
    )


def test_a_misspelt_column_is_told_though_another_role_has_them_all() -> None:
    """What one role is granted whole does not hide that another names what is not there."""
    roles = "{one: {t: {select: all}}, two: {t: {select: [a, cc]}}}"
    policy = parse_policy(f"tenant: t\ndatabase: d\nlogin: edge\nroles: {roles}", "p.yaml")
    held = RelationRights(ABC, {"select": frozenset(ABC)})
    assert [message for _, message in drift(policy, Rights(relations={T: held}))] == [
        'column t.cc does not exist: did you mean "c"?'
    ]


def test_a_table_is_granted_what_all_roles_together_are() -> None:
    """One login serves all roles."""
    assert tables(POLICY) == [TableName("public", "recent"), T]
    assert granted(POLICY, T, "select").names == ("a", "c")
    assert granted(POLICY, T, "delete").all
    assert not granted(POLICY, T, "insert")
