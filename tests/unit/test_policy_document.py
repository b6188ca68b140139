"""Reading a policy file: every fault of it with its line, and names as they are written."""
# ruff: noqa: E501 - a fault stands on one line, as a terminal shows it

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.document import PolicyInvalid, parse_policy
from proxy.policy.model import ALL_COLUMNS, Columns, Limits, Policy, TableName
from proxy.policy.yaml_reader import Fault

OFF_HINT = "Leave it out to have a second reader, or write {off_because: why there can be none, in words}."
HEAD = "tenant: t\ndatabase: d\nlogin: l\n"

WHOLE = """\
# yaml-language-server: $schema=policy.schema.json
tenant: callmeback
database: callmeback
login: callmeback_edge
mode: observe
second_reader: {off_because: the gateway may not see the log settings of this server}
limits: {timeout: 500ms, rows: 20, bytes: 64kB, rate: 10/s, concurrency: 3, statement_bytes: 8KiB}
claims:
  app.current_user_id: sub
functions: [aggregates, gen_random_uuid, app.price]
types: [call_status]
roles:
  persona-manager:
    personas:
      select: [id, name]
      update: [name]
    calls:
      select: all
      rows: user_id = current_setting('app.current_user_id')
  auth-manager:
    hr.users: {select: all, insert: [id, email], delete: true, lock: false}
    '"we.ird"': {select: all, update: all, lock: true, unbounded: true}
statements:
  monthly-spend: {to: [billing], sql: SELECT 1}
tests:
  - {as: persona-manager, allow: "SELECT id FROM personas"}
  - {as: persona-manager, deny: "SELECT 1 FROM users", rule: table-granted}
"""


def faults(text: str) -> list[str]:
    """Return the faults of a text as `line:column: message (hint)`."""
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(text, "p.yaml")
    return [str(fault).removeprefix("p.yaml:") for fault in caught.value.faults]


def policy(rest: str) -> Policy:
    """Read a policy that has a head already."""
    return parse_policy(HEAD + rest, "p.yaml")


def test_a_whole_file_is_read() -> None:
    """Each key of a file arrives where the model says."""
    read = parse_policy(WHOLE, "policies/callmeback.yaml")
    assert (read.tenant, read.database, read.login, read.mode) == (
        "callmeback", "callmeback", "callmeback_edge", "observe",
    )  # fmt: skip
    assert read.second_reader_off_because == "the gateway may not see the log settings of this server"
    assert read.limits == Limits(500, 20, 64_000, 10.0, 10, 3, 8192)
    assert read.claims == {"app.current_user_id": "sub"}
    assert read.functions == ("aggregates", "gen_random_uuid", "app.price")
    assert read.types == ("call_status",)
    calls = read.roles["persona-manager"].grants[TableName("public", "calls")]
    assert calls.rows == "user_id = current_setting('app.current_user_id')"
    users = read.roles["auth-manager"].grants[TableName("hr", "users")]
    assert (users.select, users.insert, users.delete, users.lock) == (
        ALL_COLUMNS, Columns(names=("id", "email")), True, False,
    )  # fmt: skip
    assert read.roles["auth-manager"].grants[TableName("public", "we.ird")].unbounded
    assert read.statements[0].to == ("billing",)
    assert "billing" in read.roles
    assert [(test.role, test.expect, test.rule, test.line) for test in read.tests] == [
        ("persona-manager", "allow", None, 26),
        ("persona-manager", "deny", "table-granted", 27),
    ]
    assert (read.source, len(read.digest)) == ("policies/callmeback.yaml", 64)


def test_what_is_not_written_has_the_documented_defaults() -> None:
    """A file of four lines enforces, within the standard limits."""
    read = policy("roles: {r: }")
    assert (read.mode, read.limits, read.functions, read.roles["r"].grants) == ("enforce", Limits(), (), {})


def test_names_are_text_whatever_yaml_thinks_of_them() -> None:
    """A column called no, on, null or 1 is a column."""
    read = policy("roles: {on: {yes: {select: [no, off, null, ~, 1, 1.50, 2021-01-01]}}}")
    columns = read.roles["on"].grants[TableName("public", "yes")].select
    assert columns.names == ("no", "off", "null", "~", "1", "1.50", "2021-01-01")


def test_names_keep_their_case() -> None:
    """A name is PostgreSQL's own spelling, not folded."""
    read = policy('roles: {r: {\'"Or""ders"\': {select: [Total]}, Plain: {select: all}}}')
    assert set(read.roles["r"].grants) == {TableName("public", 'Or"ders'), TableName("public", "Plain")}


def test_the_digest_is_of_the_text() -> None:
    """Any change of a file, a comment too, is another digest: verdicts of the old one are not found."""
    assert policy("roles: {r: }").digest != policy("roles: {r: } # changed").digest


def test_all_faults_are_told_at_once_in_order() -> None:
    """A file with many faults is mended in one go."""
    assert faults("tenant: ../t\nlogin: pg_x\nroles:\n  r:\n    t: {selct: all}\nnonsense: 1\n") == [
        '1:1: "database" is missing',
        "1:9: tenant may hold letters, digits, _, - and .",
        '2:8: "pg_x" cannot be a tenant\'s login (Give the tenant a role of its own.)',
        '5:9: "selct" is not known in the grant of t (Did you mean "select"?)',
        '6:1: "nonsense" is not known in a policy',
    ]


# What stands after the head; the first fault that is told of it.
FAULTY = {
    "roles:": "4:7: roles must be a mapping of names to values",
    "roles: {r: {t: {}}}": "4:16: nothing is granted on t (Name a verb: select, insert, update or delete.)",
    "roles: {r: {t: {delete: false}}}": "4:16: nothing is granted on t (Name a verb: select, insert, update or delete.)",
    "roles: {r: {t: all}}": "4:16: the grant of t must be a mapping of names to values",
    "roles: {r: {t: {select: alll}}}": '4:25: select of t must be all or a list of columns (Did you mean "all"?)',
    "roles: {r: {t: {select: id}}}": "4:25: select of t must be all or a list of columns (Write [id] for a column, or all.)",
    "roles: {r: {t: {select: []}}}": "4:25: select of t is an empty list (Leave the verb out to grant nothing.)",
    "roles: {r: {t: {select: [a, a]}}}": '4:29: column "a" is written twice (Keep one.)',
    "roles: {r: {t: {select: [[a]]}}}": "4:26: an item of select of t must be a single value",
    "roles: {r: {t: {delete: yes}}}": "4:25: delete of t must be true or false",
    "roles: {r: {t: {insert: all, unbounded: true}}}": "4:16: unbounded on t is for UPDATE and DELETE, which are not granted",
    "roles: {r: {t: {select: all, lock: true}}}": "4:16: lock on t needs select and update (PostgreSQL asks for both to lock a row.)",
    "roles: {r: {t: {select: all}, public.t: {select: all}}}": "4:31: t is written twice under r (Keep one.)",
    "roles: {r: {a.b.c: {select: all}}}": '4:13: "a.b.c" is no table name (Write table or schema.table.)',
    "roles: {r: {pg_catalog.pg_class: {select: all}}}": "4:13: pg_catalog.pg_class belongs to PostgreSQL or the gateway"
    " and cannot be granted (Grant a view of your own.)",
    "roles: {r: {pg_shadow: {select: all}}}": "4:13: pg_shadow belongs to PostgreSQL or the gateway"
    " and cannot be granted (Grant a view of your own.)",
    "roles: {r: {information_schema.tables: {select: all}}}": "4:13: information_schema.tables belongs to PostgreSQL"
    " or the gateway and cannot be granted (Grant a view of your own.)",
    "roles: {r: {t: {select: all, rows: ''}}}": "4:36: rows of t is empty (Write a value or leave the line out.)",
    "roles: {r: {t: {select: all, rows: 'a) OR (b'}}}": "4:36: rows of t is not one condition:"
    " it closes a parenthesis that it does not open",
    "roles: {r: {t: {select: all, rows: 'true; DROP TABLE t'}}}": "4:36: rows of t is not one condition: it holds a semicolon",
    "roles: {r: }\nmode: strict": "5:7: mode must be enforce or observe",
    "roles: {r: }\nsecond_reader: off": f"5:16: second_reader takes off_because alone ({OFF_HINT})",
    "roles: {r: }\nsecond_reader: {}": f"5:16: second_reader takes off_because alone ({OFF_HINT})",
    "roles: {r: }\nsecond_reader: {off_because: later}": f"5:30: off_because gives no reason ({OFF_HINT})",
    "roles: {r: }\nsecond_reader: {of_because: a long story}": '5:17: "of_because" is not known in second_reader'
    ' (Did you mean "off_because"?)',
    "roles: {r: }\nlimits: {timeout: 0s}": '5:19: timeout: "0s" is out of range',
    "roles: {r: }\nlimits: {timeout: 5}": '5:19: timeout: "5" is no such quantity: write it like 5s or 500ms',
    "roles: {r: }\nlimits: {bytes: 9GiB}": '5:17: bytes: "9GiB" is out of range',
    "roles: {r: }\nlimits: {rate: 0/s}": '5:16: rate: "0/s" is no rate: write it like 600/min or 10/s',
    "roles: {r: }\nlimits: {row: 5}": '5:10: "row" is not known in limits (Did you mean "rows"?)',
    "roles: {r: }\nclaims: {search_path: sub}": '5:10: "search_path" is not a setting of your own'
    " (Such a name has a dot: app.user_id.)",
    "roles: {r: }\nclaims: {database_proxy.role: sub}": "5:10: database_proxy.* is the gateway's own"
    " (Use another prefix, such as app.)",
    "roles: {r: }\nfunctions: [pg_sleep]": "5:13: function pg_sleep cannot be allowed (It reaches beyond the tables of a policy.)",
    "roles: {r: }\nfunctions: [ext.dblink_exec]": "5:13: function ext.dblink_exec cannot be allowed"
    " (It reaches beyond the tables of a policy.)",
    "roles: {r: }\nfunctions: [agregates]": '5:13: "agregates" is no group of functions (Did you mean "aggregates"?'
    " A function of your own has its schema: public.agregates.)",
    "roles: {r: }\nfunctions: [pg_catalog.lowr]": '5:13: PostgreSQL has no function lowr (Did you mean "lower"?)',
    "roles: {r: }\nfunctions: [a.b.c]": '5:13: "a.b.c" is no function name (Write function or schema.function.)',
    "roles: {r: }\nfunctions: math": "5:12: functions must be a list (Write [a, b].)",
    "roles: {billing: }\nstatements: {s: {to: [biling], sql: SELECT 1}}": '5:23: there is no role "biling" (Did you mean "billing"?)',
    "roles: {r: }\nstatements: {s: {to: [r]}}": '5:14: statement "s" needs `to` (a list of roles) and `sql`',
    "roles: {r: }\ntests: [{as: x, allow: SELECT 1}]": '5:14: there is no role "x"',
    "roles: {r: }\ntests: [{as: r}]": "5:9: a test names a role with `as` and one statement with `allow` or `deny`",
    "roles: {r: }\ntests: [{as: r, allow: SELECT 1, rule: x}]": "5:40: `rule` goes with `deny`",
    "roles: {r: }\ntests: [SELECT 1]": "5:9: a test must be a mapping of names to values",
    "roles: {r: }\nlogin: k": '5:1: "login" is written twice (Keep one.)',
    "roles: {r: &a {t: {select: all}}, s: *a}": "4:12: anchors, aliases and tags are not used in a policy (Write it out.)",
    "roles: {r: !!map {}}": "4:12: anchors, aliases and tags are not used in a policy (Write it out.)",
    "roles:\n\tr:": "5:1: this is not YAML: found character that cannot start any token (Indent with spaces, not with tabs.)",
    "roles: {r: }\n---\ntenant: u": "5:1: this is not YAML: but found another document",
    "roles: {r: }\n# \x07": "5:3: the character U+0007 has no place in a policy",
    "roles: {r: }\n# \ud800": "5:3: the character U+D800 has no place in a policy",
}


@pytest.mark.parametrize("rest", FAULTY, ids=range(len(FAULTY)))
def test_a_fault_is_told_with_its_place_and_what_to_do(rest: str) -> None:
    """Each fault says what is wrong, where, and where it can what to do."""
    assert faults(HEAD + rest)[0] == FAULTY[rest]


@pytest.mark.parametrize("text", ["", "# nothing\n", "\n\n"])
def test_an_empty_file_is_told_as_that(text: str) -> None:
    """A file without a word says how to begin."""
    assert faults(text) == ["1:1: the file is empty (Begin with `tenant:`.)"]


@pytest.mark.parametrize("text", ["- tenant: t", "tenant", "[]"])
def test_what_is_no_mapping_is_told_as_that(text: str) -> None:
    """A list or a word is not asked for its missing keys."""
    assert faults(text) == ["1:1: a policy must be a mapping of names to values"]


def test_a_fault_without_a_hint_has_no_parentheses() -> None:
    """The words of a fault are its place, its message and its hint alone."""
    assert str(Fault("f", 1, 2, "wrong")) == "f:1:2: wrong"


@given(st.text(alphabet=st.characters(), max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes anything but a policy or a list of faults."""
    for candidate in (text, HEAD + text, f"{HEAD}roles: {text}"):
        try:
            parse_policy(candidate, "p.yaml")
        except PolicyInvalid as exc:
            found = exc.faults
        else:
            continue
        assert found
