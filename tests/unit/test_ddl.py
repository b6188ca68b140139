"""The script of wall two as text; what it does is tested on real servers."""

import pytest

from proxy.policy.ddl import role_aware, wall_two
from proxy.policy.document import parse_policy
from proxy.policy.model import Policy, TableName
from proxy.policy.quoting import block, identifier, literal, literals, relation


def policy(roles: str, login: str = "edge") -> Policy:
    """Read a policy of these roles."""
    return parse_policy(f"tenant: t\ndatabase: d\nlogin: {login}\nroles: {roles}", "p.yaml")


def statements(text: str, beginning: str) -> list[str]:
    """Return the lines of a script that begin so."""
    return [line for line in text.splitlines() if line.startswith(beginning)]


def test_grants_are_the_union_of_the_roles() -> None:
    """Two roles of a table are one GRANT for each verb; `all` is the table's."""
    script = wall_two(
        policy("{a: {t: {select: [x], delete: true}, hr.u: {insert: all}}, b: {t: {select: [y], update: [x]}}}")
    )
    assert [line for line in statements(script, "GRANT") if line.endswith('TO "edge";')] == [
        'GRANT CONNECT ON DATABASE "d" TO "edge";',
        'GRANT USAGE ON SCHEMA "hr" TO "edge";',
        'GRANT USAGE ON SCHEMA "public" TO "edge";',
        'GRANT INSERT ON TABLE "hr"."u" TO "edge";',
        'GRANT SELECT ("x", "y") ON TABLE "public"."t" TO "edge";',
        'GRANT UPDATE ("x") ON TABLE "public"."t" TO "edge";',
        'GRANT DELETE ON TABLE "public"."t" TO "edge";',
    ]


def test_a_filter_is_permissive_and_restrictive_for_each_verb_that_is_granted() -> None:
    """Two policies for each verb; reading has USING, inserting WITH CHECK, updating both."""
    script = wall_two(policy("{a: {t: {select: all, insert: all, update: [x], rows: x > 1}}}"))
    assert [line.split(" (")[0] for line in statements(script, "CREATE POLICY")] == [
        f'CREATE POLICY "database_proxy edge {verb} {kind}" ON "public"."t"'
        f' AS {kind.upper()} FOR {verb.upper()} TO "edge" {clause}'
        for verb, clause in (("select", "USING"), ("insert", "WITH CHECK"), ("update", "USING"))
        for kind in ("permissive", "restrictive")
    ]
    assert script.count("x > 1") == 8


@pytest.mark.parametrize(
    ("roles", "aware"),
    [
        ("{a: {t: {select: all}}}", False),
        ("{a: {t: {select: all, rows: x = 1}}}", False),
        ("{a: {t: {select: all, rows: x = 1}}, b: {t: {select: all, rows: x = 1}}}", False),
        ("{a: {t: {select: all, rows: x = 1}}, b: {t: {select: all, rows: x = 2}}}", True),
        ("{a: {t: {select: all, rows: x = 1}}, b: {t: {select: all}}}", True),
        # They differ, and on different verbs: each verb has one filter.
        ("{a: {t: {select: all, rows: x = 1}}, b: {t: {insert: all}}}", False),
        ("{a: {t: {select: all, rows: x = 1}}, b: {u: {select: all}}}", False),
    ],
)
def test_a_session_says_its_role_only_where_a_filter_asks(roles: str, aware: bool) -> None:
    """The setting is worth its round trip only where two holders of a verb have different rows."""
    assert role_aware(policy(roles)) is aware
    assert ("current_setting('database_proxy.role'" in wall_two(policy(roles))) is aware


def test_a_long_login_still_has_policy_names_of_its_own() -> None:
    """A policy's name ends at 63 bytes; logins that begin alike are told apart."""
    names = set()
    for end in "ab":
        script = wall_two(policy("{r: {t: {select: all, rows: x = 1}}}", login="l" * 62 + end))
        line = statements(script, "CREATE POLICY")[0]
        name = line.split('"')[1]
        assert len(name.encode()) <= 63
        names.add(name)
    assert len(names) == 2


def test_what_is_quoted_is_what_was_meant() -> None:
    """Quotes double, a backslash brings an escape string, and a block's quote is not in its body."""
    assert identifier('a"b') == '"a""b"'
    assert literal("it's") == "'it''s'"
    assert literal("a\\b'") == " E'a\\\\b'''"
    assert literals(["a", "b"]) == "ARRAY['a', 'b']::text[]"
    assert relation(TableName("s", "T")) == '"s"."T"'
    assert block("SELECT '$do$'") == "DO $do_$\nSELECT '$do$'\n$do_$;"


def test_the_script_sets_no_password_and_begins_no_transaction() -> None:
    """Passwords stay out of files, and whoever runs it decides on the transaction."""
    script = wall_two(policy("{r: {t: {select: all}}}"))
    assert "PASSWORD" not in script.upper()
    assert not statements(script, "BEGIN;")
    assert not statements(script, "COMMIT")
