"""What a name is bound to shows in the text that runs: every column by its source, every source by its own alias."""

import pytest
from statement_corpus import corpus_catalog, corpus_policy

from proxy.vetting import vet
from proxy.vetting.verdict import Allowed

# A statement, and what of its regenerated text shows how it was understood.
BOUND = [
    # A column goes by the source that has it.
    ("SELECT name, cost FROM agents, calls", '"agents"."name", "calls"."cost"'),
    ("SELECT NAME FROM Agents", '"agents"."name" FROM "public"."agents" AS "agents"'),
    ("SELECT public.agents.name FROM agents", 'SELECT "agents"."name" FROM'),
    ("SELECT name FROM agents WHERE EXISTS (SELECT 1 FROM calls WHERE name = 'x')", '"agents"."name" = \'x\''),
    ("SELECT (SELECT count(id)) FROM agents", '"pg_catalog"."count"("agents"."id")'),
    # Each source of a statement has an alias of its own.
    ("SELECT (SELECT max(a.id) FROM calls a) FROM agents a", 'FROM "public"."calls" AS "a 1"'),
    ("SELECT (SELECT max(id) FROM agents) FROM agents", '"pg_catalog"."max"("agents 1"."id")'),
    ('SELECT "a 1".id, (SELECT max(a.id) FROM calls a) FROM agents a, agents "a 1"', 'FROM "public"."calls" AS "a 2"'),
    ("SELECT (SELECT max(v) FROM unnest(tags) v), (SELECT min(v) FROM unnest(tags) v) FROM calls", '"v 1" ("v")'),
    # A common table expression has a name that no table has, where it can be seen.
    ("WITH secrets AS (SELECT 1 AS id) SELECT id FROM secrets", 'FROM "cte 1" AS "secrets"'),
    ("WITH calls AS (SELECT id FROM calls) SELECT id FROM calls", 'FROM "public"."calls" AS "calls") SELECT "calls 1"'),
    ("WITH calls AS (SELECT 1 AS a) SELECT id FROM public.calls", 'SELECT "calls"."id" FROM "public"."calls"'),
    ("WITH calls AS (SELECT 1 AS a) DELETE FROM calls WHERE id = 1", 'DELETE FROM "public"."calls" AS "calls"'),
    ("WITH RECURSIVE calls AS (SELECT 1 AS n UNION SELECT n FROM calls) TABLE calls", 'FROM "cte 1" AS "calls"'),
    # Output names go before columns in ORDER BY, behind them in GROUP BY, and do not count inside an expression.
    ("SELECT -id AS id FROM agents ORDER BY id", 'ORDER BY "id"'),
    ("SELECT -id AS id FROM agents ORDER BY (id)", 'ORDER BY ("id")'),
    ("SELECT -id AS id FROM agents ORDER BY id + 1", 'ORDER BY "agents"."id" + 1'),
    ("SELECT max(id) AS id FROM agents GROUP BY id", 'GROUP BY "agents"."id"'),
    ("SELECT -id AS minus FROM agents GROUP BY minus", 'GROUP BY "minus"'),
    ("SELECT max(id) FROM agents ORDER BY max", '"pg_catalog"."max"("agents"."id") AS "max"'),
    # What a query around it relies on is written out.
    ("SELECT d.max FROM (SELECT max(id) FROM agents) d", '"pg_catalog"."max"("agents"."id") AS "max"'),
    ("SELECT d.int4 FROM (SELECT 1::int) d", 'SELECT 1::int AS "int4"'),
    ("SELECT d.text FROM (SELECT 1::int::text) d", 'SELECT 1::int::"pg_catalog"."text" AS "text"'),
    ("SELECT value FROM jsonb_each('{}')", 'AS "jsonb_each" ("key", "value")'),
    ("SELECT id FROM agents NATURAL JOIN (SELECT 1 AS id) x", 'JOIN (SELECT 1 AS "id") AS "x" USING ("id")'),
    # Functions by their schema.
    ("SELECT lower(name) FROM agents", '"pg_catalog"."lower"("agents"."name")'),
    ("SELECT mask(name) FROM agents", '"public"."mask"("agents"."name")'),
    # LIMIT sees what PostgreSQL's sees, which then refuses it: never a name of the query around it.
    ("SELECT (SELECT c.id FROM calls c LIMIT id) FROM agents", 'LIMIT "c"."id"'),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "shown"), BOUND)
def test_name_is_bound_as_postgresql_binds_it(sql: str, shown: str) -> None:
    """The text that runs leaves PostgreSQL no other way to read a name."""
    verdict = vet(sql, corpus_policy(), "agent", corpus_catalog())
    assert isinstance(verdict, Allowed), f"{verdict.rule}: {verdict.message}"
    assert shown in verdict.sql
