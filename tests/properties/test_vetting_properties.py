"""What holds for every text, not only for those that somebody thought of."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from statement_corpus import Case, allowed_cases, corpus_catalog, corpus_policy, denied_cases

from proxy.policy.model import ALL_COLUMNS, Columns, Grant, Policy, Role, TableName
from proxy.vetting import vet
from proxy.vetting.denial import Denial
from proxy.vetting.lexer import tokenize
from proxy.vetting.rules import SLUGS
from proxy.vetting.verdict import Allowed, Denied

POLICY = corpus_policy()
ROOMY = replace(POLICY, limits=replace(POLICY.limits, statement_bytes=10**6))
CATALOG = corpus_catalog()
ALLOWED = allowed_cases()
DENIED = denied_cases()
DENIED_WITH_WORDS = [case for case in DENIED if any(map(str.isalpha, case.sql)) and not case.sql.startswith("/*")]
READS = [case for case in ALLOWED if "FOR " not in case.sql and not vet(case.sql, POLICY, case.role).writes]  # type: ignore[union-attr]
WORDS = sorted({token.text for case in ALLOWED for token in tokenize(case.sql) if token.kind == "word"})
# Tokens in any order: much of it is nearly SQL.
SOUP = st.lists(
    st.sampled_from(
        [*WORDS, *"()[],.;:*+-=<>'\"$@/", "::", "'x'", '"q"', "1", "$1", "/*", "*/", "--", "\n", "E'", "\\"]
    )
).map(" ".join)
NEVER = {"vetting-failed", "regenerated-faithfully"}

AROUND_A_READ = [
    "WITH w AS ({}) SELECT count(*) FROM w",
    "SELECT count(*) FROM ({}) AS w",
    "SELECT EXISTS ({})",
    "SELECT 1 WHERE NOT EXISTS (SELECT FROM ({}) AS w)",
    "SELECT * FROM ({}) AS w",
    "({})",
]
AROUND_A_DENIED = [
    "WITH w AS ({}) SELECT 1 FROM w",
    "SELECT 1 FROM ({}) AS w",
    "SELECT ({})",
    "SELECT 1 UNION ALL {}",
    "SELECT 1; {}",
    "{} -- ",
]
TABLES = st.sampled_from([*CATALOG.relations, TableName("public", "secrets")])
COLUMNS = sorted({name for columns in CATALOG.relations.values() for name in columns})
GRANTED = st.builds(
    lambda whole, names: ALL_COLUMNS if whole else Columns(names=tuple(names)),
    st.booleans(),
    st.lists(st.sampled_from(COLUMNS), unique=True),
)
GRANTS = st.lists(
    st.builds(Grant, TABLES, GRANTED, GRANTED, GRANTED, st.booleans(), unbounded=st.booleans(), lock=st.booleans()),
    max_size=4,
)
MORE_FUNCTIONS = st.lists(st.sampled_from(["first_agent", "repeat", "lpad", "evil.leak"]))
# Words before a dot that are no column's, table's or schema's name: aliases, each with a statement that has it.
TAKEN = {*COLUMNS, *(table.name for table in CATALOG.relations), "public", "excluded"}
ALIASED = [
    (case, before.text)
    for case in ALLOWED
    for before, dot in pairwise(tokenize(case.sql))
    if (dot.kind, dot.text) == ("mark", ".") and before.kind == "word" and before.text not in TAKEN
]
COMMENTS = st.text(alphabet=st.characters(exclude_characters="*/\0", exclude_categories=["Cs"]))


@st.composite
def spliced(draw: st.DrawFn) -> str:
    """Draw a piece of one statement put into another."""
    host, guest = draw(st.sampled_from([*ALLOWED, *DENIED])).sql[:2_000], draw(st.sampled_from(ALLOWED)).sql
    start, end = sorted((draw(st.integers(0, len(host))), draw(st.integers(0, len(host)))))
    first, last = sorted((draw(st.integers(0, len(guest))), draw(st.integers(0, len(guest)))))
    return host[:start] + guest[first:last] + host[end:]


@given(
    sql=st.one_of(st.text(max_size=200), SOUP), role=st.sampled_from([*POLICY.roles, "nobody"]), offline=st.booleans()
)
@example(sql="", role="agent", offline=False)
@example(sql="\ud800", role="agent", offline=False)
@example(sql="SELECT 'a' " + "-- " * 60, role="agent", offline=True)
@example(sql="SELECT " + "a." * 5_000, role="agent", offline=True)
@settings(max_examples=400, deadline=None)
def test_any_text_gets_a_verdict(sql: str, role: str, offline: bool) -> None:
    """Whatever the text, there is a verdict and never an exception; a denial names a rule and a place in the text."""
    verdict = vet(sql, POLICY, role, None if offline else CATALOG)
    if isinstance(verdict, Denied):
        assert verdict.rule in SLUGS - NEVER, verdict
        assert verdict.position is None or 1 <= verdict.position <= len(sql) + 1


@given(sql=spliced(), role=st.sampled_from(sorted(POLICY.roles)))
@example(sql="INSERT INTO customers (name) VALUES ('x') ON CONFLICT ((SELECT 1)) DO NOTHING", role="agent")
@settings(max_examples=600, deadline=None)
def test_spliced_statements_regenerate_to_themselves(sql: str, role: str) -> None:
    """Of two statements cut together, what is allowed regenerates to itself; nothing makes vetting fail."""
    verdict = vet(sql, POLICY, role, CATALOG)
    match verdict:
        case Allowed():
            again = vet(verdict.sql, ROOMY, role, CATALOG)
            assert isinstance(again, Allowed), again
            assert (again.sql, again.touched) == (verdict.sql, verdict.touched)
        case Denied():
            assert verdict.rule not in NEVER, verdict


@given(aliased=st.sampled_from(ALIASED), new=st.sampled_from(["zz", '"Z z"', '"select"', '"é"', "a_1"]))
@settings(max_examples=300, deadline=None)
def test_a_renamed_alias_changes_nothing(aliased: tuple[Case, str], new: str) -> None:
    """An alias is the caller's own business: any other name that is free does as well."""
    case, old = aliased
    renamed = _rewritten(case.sql, lambda kind, text, raw: new if (kind, text) == ("word", old) else raw)
    assert isinstance(vet(renamed, POLICY, case.role, CATALOG), Allowed), renamed


@given(case=st.sampled_from(ALLOWED), comment=COMMENTS, data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_comment_anywhere_changes_nothing(case: Case, comment: str, data: st.DataObject) -> None:
    """Where two tokens meet, a comment may stand, whatever it says."""
    place = data.draw(st.sampled_from(tokenize(case.sql))).start
    verdict = vet(f"{case.sql[:place]} /*{comment}*/ {case.sql[place:]}", POLICY, case.role, CATALOG)
    plain = vet(case.sql, POLICY, case.role, CATALOG)
    assert isinstance(verdict, Allowed)
    assert isinstance(plain, Allowed)
    assert (verdict.sql, verdict.fingerprint) == (plain.sql, plain.fingerprint)


@pytest.mark.parametrize("around", AROUND_A_READ)
@given(case=st.sampled_from(READS))
@settings(max_examples=80, deadline=None)
def test_a_query_inside_another_stays_allowed(around: str, case: Case) -> None:
    """What may be read may be read from within a query of one's own; it touches the same."""
    plain = vet(case.sql, POLICY, case.role, CATALOG)
    wrapped = vet(around.format(case.sql.rstrip("; ") + "\n"), POLICY, case.role, CATALOG)
    assert isinstance(plain, Allowed)
    assert isinstance(wrapped, Allowed), f"{wrapped.rule}: {wrapped.message}"
    assert wrapped.touched.reads == plain.touched.reads
    assert wrapped.touched.functions - {"count"} == plain.touched.functions - {"count"}


@given(case=st.sampled_from(DENIED_WITH_WORDS), around=st.sampled_from(AROUND_A_DENIED))
@settings(max_examples=300, deadline=None)
def test_nothing_around_a_denied_statement_lets_it_through(case: Case, around: str) -> None:
    """No query around it makes a denied statement allowed."""
    assert isinstance(vet(around.format(case.sql), POLICY, case.role, CATALOG), Denied)


@given(case=st.sampled_from(ALLOWED), grants=GRANTS, functions=MORE_FUNCTIONS)
@settings(max_examples=300, deadline=None)
def test_granting_more_never_denies(case: Case, grants: list[Grant], functions: list[str]) -> None:
    """A policy that grants more allows at least as much."""
    assert isinstance(vet(case.sql, _more(POLICY, case.role, grants, functions), case.role, CATALOG), Allowed)


@given(case=st.sampled_from([*ALLOWED, *DENIED]), value=st.text(max_size=30), number=st.integers(0, 10**9))
@settings(max_examples=300, deadline=None)
def test_literals_are_not_in_the_fingerprint(case: Case, value: str, number: int) -> None:
    """Statements that differ in their literals alone have one fingerprint."""
    assume(value.isprintable())
    literals = {"string": "'" + value.replace("'", "''") + "'", "number": str(number)}
    try:
        changed = _rewritten(case.sql, lambda kind, _, raw: literals.get(kind, raw))
    except Denial:
        return
    of_changed, of_plain = vet(changed, ROOMY, case.role, CATALOG), vet(case.sql, ROOMY, case.role, CATALOG)
    assert of_changed.fingerprint == of_plain.fingerprint


def _rewritten(sql: str, change: object) -> str:
    """Return the text with each token changed by `change(kind, text, raw)`."""
    assert callable(change)
    pieces, end = [], 0
    for token in tokenize(sql):
        pieces += [sql[end : token.start], change(token.kind, token.text, sql[token.start : token.end])]
        end = token.end
    return "".join(pieces)


def _more(policy: Policy, name: str, grants: list[Grant], functions: list[str]) -> Policy:
    held = dict(policy.roles[name].grants)
    for grant in grants:
        before = held.get(grant.table, Grant(grant.table))
        held[grant.table] = replace(
            before,
            select=_union(before.select, grant.select),
            insert=_union(before.insert, grant.insert),
            update=_union(before.update, grant.update),
            delete=before.delete or grant.delete,
            lock=before.lock or grant.lock,
            unbounded=before.unbounded or grant.unbounded,
        )
    roles = {**policy.roles, name: Role(name, held)}
    return replace(policy, roles=roles, functions=(*policy.functions, *functions))


def _union(one: Columns, other: Columns) -> Columns:
    return Columns(one.all or other.all, tuple(dict.fromkeys((*one.names, *other.names))))
