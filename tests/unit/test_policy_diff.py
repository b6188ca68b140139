"""What a change of a policy grants or takes, in words."""

import pytest

from proxy.policy.diff import diff
from proxy.policy.document import parse_policy
from proxy.policy.model import Policy

HEAD = "tenant: t\ndatabase: d\nlogin: l\n"


def policy(rest: str) -> Policy:
    """Read a policy that has a head already."""
    return parse_policy((rest if rest.startswith("tenant") else HEAD + rest), "p.yaml")


def words(old: str, new: str) -> list[str]:
    """Return the lines that a terminal shows."""
    return [str(change) for change in diff(policy(old), policy(new))]


EMPTY = "roles: {r: }"
OFF = "\nsecond_reader: {off_because: a replica of another team}"
OFF = "\nsecond_reader: {off_because: a replica of another team}"
ONE = "roles: {r: {t: {select: [a, b]}}}"
CHANGES = {
    (EMPTY, ONE): ["+ r: select t: a, b"],
    (ONE, "roles: {r: {t: {select: [b, c]}}}"): ["+ r: select t: c", "- r: select t: a"],
    (ONE, "roles: {r: {t: {select: all}}}"): [
        "+ r: select t: every column, also those that are added to the table later"
    ],
    ("roles: {r: {t: {select: all}}}", ONE): ["- r: select t: no longer every column, only a, b"],
    ("roles: {r: {t: {select: all}}}", EMPTY): ["- r: select t: any column"],
    (ONE, "roles: {r: {t: {select: [b, a]}}}"): [],
    (EMPTY, "roles: {r: , s: {t: {delete: true, unbounded: true}}}"): [
        "+ there is a role s",
        "+ s: delete from t",
        "+ s: change all rows of t without WHERE",
    ],
    ("roles: {r: , s: }", EMPTY): ["- there is no role s any more"],
    (ONE, "roles: {r: {t: {select: [a, b], update: [a], lock: true}}}"): ["+ r: update t: a", "+ r: lock rows of t"],
    (ONE, "roles: {r: {t: {select: [a, b], rows: a = 1}}}"): ["- r: of t no longer every row, only those where a = 1"],
    ("roles: {r: {t: {select: [a, b], rows: a = 1}}}", ONE): ["+ r: every row of t, no longer only those where a = 1"],
    ("roles: {r: {t: {select: [a], rows: a = 1}}}", "roles: {r: {t: {select: [a], rows: a = 2}}}"): [
        "~ r: rows of t where a = 1 become rows where a = 2"
    ],
    (EMPTY, "roles: {r: {t: {select: [a], rows: a = 1}}}"): ["+ r: select t: a", "- r: of t only rows where a = 1"],
    (EMPTY, EMPTY + "\nfunctions: [math, lower, app.f]"): [
        "+ may call the functions of math",
        "+ may call function app.f",
        "+ may call function lower",
    ],
    (EMPTY + "\nfunctions: [text]", EMPTY + "\nfunctions: [text, lower]"): [],
    (EMPTY + "\nfunctions: [lower]", EMPTY): ["- may no longer call function lower"],
    (EMPTY, EMPTY + "\ntypes: [mood]"): ["+ may name type mood"],
    (EMPTY, EMPTY + "\nmode: observe"): ["+ mode: enforce becomes observe: what would be denied runs, and is recorded"],
    (EMPTY + "\nmode: observe", EMPTY): ["- mode: observe becomes enforce: what is not granted is denied"],
    (EMPTY, EMPTY + OFF): [
        "+ second reader: OFF: no verdict is held against PostgreSQL's own analysis (a replica of another team)"
    ],
    (EMPTY + OFF, EMPTY): ["- second reader: on again: PostgreSQL's own analysis is held against every verdict"],
    (EMPTY + OFF, EMPTY + OFF.replace("another", "our")): [
        "~ second reader: off for another reason (a replica of our team)"
    ],
    (EMPTY, EMPTY + "\nlimits: {timeout: 10s, rows: 500}"): [
        "+ limit timeout: 5,000 becomes 10,000 ms",
        "- limit rows: 1,000 becomes 500",
    ],
    (EMPTY, EMPTY + "\nclaims: {app.user: sub}"): ["~ claims: app.user not set becomes set to sub"],
    (EMPTY, "tenant: t\ndatabase: d\nlogin: k\n" + EMPTY): ["~ login: l becomes k"],
    (EMPTY, EMPTY + "\nstatements: {s: {to: [r], sql: SELECT 1}}"): ["+ r: run the statement s"],
    (EMPTY + "\nstatements: {s: {to: [r], sql: SELECT 1}}", EMPTY + "\nstatements: {s: {to: [r], sql: SELECT 2}}"): [
        "~ the statement s has another text"
    ],
    (EMPTY, EMPTY + "\ntests: [{as: r, deny: SELECT 1 FROM t}] # more tests"): [],
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_a_change_is_told_in_words(change: tuple[str, str]) -> None:
    """Each difference in rights is one line, and what gives no rights is none."""
    assert words(*change) == CHANGES[change]


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_a_policy_is_equal_to_itself(change: tuple[str, str]) -> None:
    """No version differs from itself."""
    assert words(change[1], change[1]) == []
