"""The names that PostgreSQL gives to columns without a label: a query around them is judged by ours."""

import asyncpg
import pytest
from databases import Connect, MakeDatabase
from statement_corpus import SCHEMA

from proxy.vetting.grammar import parse
from proxy.vetting.lexer import tokenize
from proxy.vetting.naming import output_name

# Expressions over `agents a` and `calls c`, parted by lines.
EXPRESSIONS = """
1
'x'
NULL
true
a.name
c.id
"name"
(name)
((a.name))
count(*)
pg_catalog.lower(name)
count(*) FILTER (WHERE true)
rank() OVER ()
percentile_cont(0.5) WITHIN GROUP (ORDER BY cost)
name::text
name::varchar(3)::text
'x'::text
1::int
1::pg_catalog.int4
CAST(1 AS numeric(8, 2))
CAST(a.id AS bigint)
lower(name)::text
(1 + 1)::int
date '2025-01-01'
timestamp with time zone '2025-01-01'
time '10:00'
interval '1' day
interval '1 day'::text
double precision '1'
char 'x'
'x'::char
'x'::bpchar
'{}'::int[]
'answered'::call_status
c.tags[1]
(c.tags)[1:2]
(ARRAY[1, 2])[1]
c.details['a']['b']
(c.details -> 'x')::text
1 + 1
- a.id
-1
NOT a.active
name || 'x'
name = 'x'
name LIKE 'x'
name SIMILAR TO 'x'
name IS NULL
name IN ('x')
a.id BETWEEN 1 AND 2
name COLLATE "C"
lower(name) COLLATE "C"
name IS NORMALIZED
name IS NOT NORMALIZED
c.started_at AT TIME ZONE 'UTC'
c.started_at AT TIME ZONE 'UTC' AT TIME ZONE 'UTC'
(c.started_at, c.started_at) OVERLAPS (c.started_at, c.started_at)
CASE WHEN true THEN 1 END
CASE WHEN true THEN 1 ELSE a.id END
CASE WHEN true THEN '' ELSE lower(name) END
CASE WHEN true THEN '' ELSE name::text END
CASE WHEN true THEN '' ELSE 'x'::text END
CASE WHEN true THEN '' ELSE '' END::text
CASE WHEN true THEN 1 ELSE CASE WHEN true THEN 1 ELSE a.id END END
CASE WHEN true THEN 1 ELSE (SELECT a.id) END
coalesce(name, 'x')
nullif(name, 'x')
greatest(1, 2)
least(1, 2)
grouping(name)
extract(year FROM c.started_at)
position('a' IN name)
substring(name FROM 1)
substring(name, 1)
overlay(name PLACING 'x' FROM 1)
trim(name)
trim(LEADING 'x' FROM name)
trim(TRAILING FROM name)
normalize(name)
current_date
current_timestamp
current_time(0)
localtime
localtimestamp(3)
EXISTS (SELECT 1)
NOT EXISTS (SELECT 1)
ARRAY[1]
ARRAY[[1], [2]]
ARRAY(SELECT 1)
ROW(1, 2)
(1, 2)
(SELECT 1)
(SELECT 1)::int
(SELECT a.id)
(SELECT a.id AS x)
((SELECT a.id))
(SELECT count(*))::text
(SELECT max(id) FROM calls)
(VALUES (1))
(VALUES (1), (2) LIMIT 1)
((SELECT 1 AS u) UNION SELECT 1)
(WITH w AS (SELECT 1 AS x) SELECT x FROM w)
1 = ANY (ARRAY[1])
a.id IN (SELECT 1)
to_jsonb(a)
mask(name)
make_date(year => 2025, month => 1, day => 1)
"""


@pytest.mark.every_postgresql
async def test_names_are_postgresqls(make_database: MakeDatabase, connect: Connect) -> None:
    """Each expression gets the name from us that the server gives it."""
    desk: asyncpg.Connection = await connect(make_database("naming", SCHEMA))
    await desk.execute("SET search_path = pg_catalog, public")
    different = []
    for expression in EXPRESSIONS.strip().split("\n"):
        grouped = " GROUP BY name" if expression.startswith("grouping") else ""
        sql = f"SELECT {expression} FROM public.agents a, public.calls c{grouped}"
        theirs = (await desk.prepare(sql)).get_attributes()[0].name
        ours = output_name(parse(tokenize(sql)).expressions[0])
        if ours != theirs:
            different.append((expression, ours, theirs))
    assert different == []
