"""The hostile statements of `tests/fixtures/*.jsonl`, and many more of the kinds that keep a parser busy."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from statement_corpus import attacks, corpus_catalog, corpus_policy

from proxy.vetting import vet
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Allowed, Denied

# What a caller is promised of a denial, and what a shared machine may add to it.
ANSWER_MS = 100
PATIENCE = 5

with_and_without_catalog = pytest.mark.parametrize("catalog", [corpus_catalog(), None], ids=["catalog", "offline"])


@with_and_without_catalog
@pytest.mark.parametrize("attack", attacks(), ids=lambda attack: attack["id"])
def test_attack_gets_what_it_must(attack: dict[str, Any], catalog: Catalog | None) -> None:
    """Each is denied, allowed or answered as its `must` says, soon."""
    role = "shop-writer" if attack["writes_granted"] else "shop-reader"
    started = time.process_time()
    verdict = vet(attack["sql"], corpus_policy(), role, catalog)
    took_ms = (time.process_time() - started) * 1000
    assert took_ms < ANSWER_MS * PATIENCE
    match attack["must"]:
        case "deny":
            assert isinstance(verdict, Denied)
        case "allow":
            assert isinstance(verdict, Allowed)
        case must:
            # That these mean to PostgreSQL what vetting read is tests/integration/test_vetting.py's to show.
            assert must in {"answer-fast", "bounded", "deny-or-same-as-postgresql"}


def test_shortened_attacks_are_tried_in_full() -> None:
    """The file cuts four statements off; here they have the length that it names."""
    lengths = {attack["id"]: len(attack["sql"]) for attack in attacks()}
    assert [lengths[name] for name in ("RES07", "RES09", "RES10", "RES12")] == [6_008, 40_006, 108_925, 9_608]
    assert not any("see attacks.py" in attack["sql"] for attack in attacks())


def _nested(opener: str, core: str, closer: str) -> Callable[[int], str]:
    return lambda depth: opener * depth + core + closer * depth


# What may be repeated, as a function of how often. Each is a SELECT's one expression or its FROM.
EXPRESSIONS: dict[str, Callable[[int], str]] = {
    "parentheses": _nested("(", "1", ")"),
    "parentheses-unclosed": lambda n: "(" * n,
    "brackets-unclosed": lambda n: "ARRAY[" * n,
    "closers": lambda n: "1" + ")" * n,
    "array": _nested("ARRAY[", "1", "]"),
    "array-bare": lambda n: "ARRAY" + "[" * n + "1" + "]" * n,
    "array-query": _nested("ARRAY(SELECT ", "1", ")"),
    "row": _nested("ROW(", "1", ")"),
    "tuple": _nested("(1,", "1", ")"),
    "subquery": _nested("(SELECT ", "1", ")"),
    "exists": _nested("EXISTS (SELECT 1 WHERE ", "true", ")"),
    "in": _nested("1 IN (", "1", ")"),
    "any": _nested("1 = ANY (ARRAY[", "1", "])"),
    "case": _nested("CASE WHEN true THEN ", "1", " END"),
    "case-else": _nested("CASE WHEN false THEN 0 ELSE ", "1", " END"),
    "case-condition": _nested("CASE WHEN ", "true", " THEN true END"),
    "case-unclosed": lambda n: "CASE WHEN " * n,
    "case-with-names": _nested("CASE WHEN o.end THEN ", "1", " END"),
    "limit": _nested("(SELECT 1 LIMIT ", "1", ")"),
    "offset": _nested("(SELECT 1 OFFSET ", "1", ")"),
    "call": _nested("abs(", "1", ")"),
    "call-order": _nested("string_agg('', '' ORDER BY ", "1", ")"),
    "call-filter": _nested("count(*) FILTER (WHERE ", "true", ")"),
    "window": _nested("sum(1) OVER (ORDER BY ", "1", ")"),
    "cast": _nested("CAST(", "1", " AS int)"),
    "coalesce": _nested("coalesce(", "1", ")"),
    "extract": _nested("extract(year FROM ", "now()", ")"),
    "substring": _nested("substring(", "''", " FROM 1)"),
    "position": _nested("position('' IN ", "''", ")"),
    "trim": _nested("trim(BOTH FROM ", "''", ")"),
    "subscript": _nested("a[", "1", "]"),
    "subscripts": lambda n: "a" + "[1]" * n,
    "slices": lambda n: "a" + "[1:2]" * n,
    "casts": lambda n: "1" + "::int" * n,
    "array-type": lambda n: "'{}'::int" + "[]" * n,
    "dots": lambda n: "a" + ".b" * n,
    "not": lambda n: "NOT " * n + "true",
    "minus": lambda n: "- " * n + "1",
    "tilde": lambda n: "~ " * n + "1",
    "plus-chain": lambda n: "1" + "+1" * n,
    "or-chain": lambda n: "true" + " OR true" * n,
    "and-chain": lambda n: "true" + " AND note LIKE 'a'" * n,
    "between-chain": lambda n: "1" + " BETWEEN 1 AND 2" * n,
    "is-chain": lambda n: "1" + " IS NOT NULL" * n,
    "time-zones": lambda n: "now()" + " AT TIME ZONE 'UTC'" * n,
    "collations": lambda n: "''" + ' COLLATE "C"' * n,
    "in-list": lambda n: f"1 IN ({','.join(['1'] * n)})" if n else "1",
    "strings": lambda n: ",".join(["'x'"] * n) or "1",
    "select-list": lambda n: ",".join(["*"] * n) or "1",
    "comments": lambda n: "'a' " + "-- " * n,
    "comments-continued": lambda n: "'a' " + "-- -- \n" * n + "1",
    "comment-blocks": lambda n: "/**/" * n + "1",
    "comment-openers": lambda n: "1 " + "/*" * n,
    "quotes": lambda n: "'" * n,
    "double-quotes": lambda n: '"' * n,
    "backslashes": lambda n: "E'" + "\\" * n,
    "dollars": lambda n: "$" * n,
    "dollar-tags": lambda n: "$a$ " * n,
    "semicolons": lambda n: "1" + ";" * n,
    "operators": lambda n: "1 " + "*-+" * n,
    "at-signs": lambda n: "@" * n + " 1",
    "digits": lambda n: "1" * n,
    "dots-and-digits": lambda n: "1." * n,
    "parameters": lambda n: ",".join(f"${i}" for i in range(1, n + 1)) or "1",
    "long-word": lambda n: "a" * n,
    "commas": lambda n: "," * n,
} | {
    f"type-{word.replace(' ', '-')}": _nested(f"{word}(", "1", ")")
    for word in ("int", "numeric", "char", "varchar", "timestamp", "interval", "double precision", "date", "bit")
}
SOURCES: dict[str, Callable[[int], str]] = {
    "joins": lambda n: "orders o" + "".join(f" JOIN orders o{i} ON true" for i in range(n)),
    "joins-inside": lambda n: "orders o" + "".join(f" JOIN orders o{i}" for i in range(n)) + " ON true" * n,
    "joins-unfinished": lambda n: "orders o" + " JOIN orders" * n,
    "joins-parentheses": lambda n: "(" * n + "orders o" + "".join(f" CROSS JOIN orders o{i})" for i in range(n)),
    "joins-natural": lambda n: "orders o" + "".join(f" NATURAL JOIN orders o{i}" for i in range(n)),
    "joins-using": lambda n: "orders o" + "".join(f" JOIN orders o{i} USING (id)" for i in range(n)),
    "commas": lambda n: "orders o" + "".join(f", orders o{i}" for i in range(n)),
    "same-names": lambda n: "orders" + ", orders" * n,
    "derived": _nested("(SELECT * FROM ", "orders", ") x"),
    "lateral": lambda n: "orders o" + "".join(f", LATERAL (SELECT o.id) x{i}" for i in range(n)),
    "unions": lambda n: "orders" + " UNION SELECT id FROM orders" * n,
    "unions-parentheses": _nested("(SELECT 1 UNION ", "SELECT 1", ") x"),
    "functions": lambda n: "orders o" + ", unnest(ARRAY[1])" * n,
}
_WHERE = "SELECT 1 FROM orders o WHERE "
STATEMENTS = (
    {name: lambda n, make=make: f"SELECT {make(n)}" for name, make in EXPRESSIONS.items()}
    | {f"where-{name}": lambda n, make=make: _WHERE + make(n) for name, make in EXPRESSIONS.items()}
    | {f"from-{name}": lambda n, make=make: f"SELECT 1 FROM {make(n)}" for name, make in SOURCES.items()}
    | {
        "with-chain": lambda n: "WITH "
        + ", ".join(f"c{i} AS (SELECT * FROM {f'c{i - 1}' if i else 'orders'})" for i in range(n + 1))
        + " SELECT 1 FROM c0",
        "with-doubled": lambda n: "WITH "
        + ", ".join(f"c{i} AS (SELECT *, * FROM {f'c{i - 1}' if i else '(SELECT 1 AS a) x'})" for i in range(n + 1))
        + " SELECT 1 FROM c0",
        "scopes": lambda n: "SELECT 1" + ", (SELECT 1 FROM orders o)" * n,
        "names-and-sources": lambda n: "SELECT id" + ", a" * n + " FROM orders, (SELECT 1 AS a) y"
        + "".join(f", (SELECT 1 AS b{i}) x{i}" for i in range(n // 10)),
        "with-nested": lambda n: "WITH c AS (" * n + "SELECT 1" + ") SELECT 1 FROM c" * n,
        "with-recursive": lambda n: "WITH RECURSIVE "
        + ", ".join(f"c{i} AS (SELECT 1 UNION SELECT * FROM c{i})" for i in range(n + 1))
        + " SELECT 1 FROM c0",
        "values-rows": lambda n: "VALUES (1)" + ",(1)" * n,
        "leading-parentheses": lambda n: "(" * n + "SELECT 1" + ")" * n,
        "order-by": lambda n: "SELECT id FROM orders ORDER BY id" + ", id" * n,
        "group-by": lambda n: "SELECT 1 FROM orders GROUP BY id" + ", id" * n,
        "grouping-sets": lambda n: "SELECT 1 FROM orders GROUP BY "
        + "GROUPING SETS (" * n
        + "id"
        + ")" * n,
        "locks": lambda n: "SELECT 1 FROM orders" + " FOR UPDATE" * n,
        "insert-rows": lambda n: "INSERT INTO orders (id) VALUES (1)" + ",(1)" * n,
        "assignments": lambda n: "UPDATE orders SET note = 'x'" + ", note = 'x'" * n,
    }
)  # fmt: skip


@pytest.mark.parametrize("name", STATEMENTS)
def test_time_to_judge_does_not_run_away(name: str) -> None:
    """Any construct repeated or nested is answered in the promised time, at depths that a request can hold."""
    slowest = 0.0
    for times in (1, 10, 24, 39, 41, 400, 3_000, 12_000):
        sql = STATEMENTS[name](times)
        started = time.process_time()
        verdict = vet(sql, corpus_policy(), "shop-writer", corpus_catalog())
        slowest = max(slowest, (time.process_time() - started) * 1000)
        if isinstance(verdict, Denied):
            assert verdict.rule != "vetting-failed", verdict.detail
    assert slowest < ANSWER_MS * PATIENCE
