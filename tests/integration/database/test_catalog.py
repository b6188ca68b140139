"""What a database's relations look like to vetting."""

import pytest
from tenants_at_hand import Tenant

from proxy.policy.model import TableName

pytestmark = pytest.mark.every_postgresql

SCHEMA = """
CREATE TABLE public.orders (id int, gone int, note text, "Total" numeric);
ALTER TABLE public.orders DROP COLUMN gone;
CREATE TABLE public.empty ();
CREATE VIEW public.recent AS SELECT id, note AS "what" FROM public.orders;
CREATE MATERIALIZED VIEW public.sums AS SELECT sum("Total") AS total FROM public.orders;
CREATE TABLE public.parts (k int, v text) PARTITION BY LIST (k);
CREATE TABLE public.parts_1 PARTITION OF public.parts FOR VALUES IN (1);
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE public.away (x int) SERVER s;
CREATE SCHEMA audit;
CREATE TABLE audit.log (at timestamptz);
CREATE TYPE public.pair AS (a int, b text);
CREATE SEQUENCE public.numbers;
CREATE INDEX by_note ON public.orders (note);
CREATE FUNCTION public.named(n int) RETURNS TABLE (x int, y text) LANGUAGE sql AS 'SELECT 1, ''a''';
CREATE FUNCTION public.outs(n int, OUT p int, OUT q text) RETURNS SETOF record LANGUAGE sql AS 'SELECT 1, ''a''';
CREATE FUNCTION public.rows_of() RETURNS SETOF orders LANGUAGE sql AS 'SELECT * FROM public.orders';
CREATE FUNCTION public.pairs() RETURNS SETOF pair LANGUAGE sql AS 'SELECT 1, ''a''';
CREATE FUNCTION public.scalars() RETURNS SETOF int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.over_loaded(int) RETURNS TABLE (x int) LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.over_loaded(text) RETURNS TABLE (z int) LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.no_table() RETURNS int LANGUAGE sql AS 'SELECT 1';
"""

EXPECTED = {
    "orders": ("id", "note", "Total"),
    "empty": (),
    "recent": ("id", "what"),
    "sums": ("total",),
    "parts": ("k", "v"),
    "parts_1": ("k", "v"),
    "away": ("x",),
    "audit.log": ("at",),
    "named": ("x", "y"),
    "outs": ("p", "q"),
    "rows_of": ("id", "note", "Total"),
    "pairs": ("a", "b"),
    "scalars": ("scalars",),
    "over_loaded": ("x", "z"),
}


async def test_every_relation_is_listed_with_its_live_columns(tenant: Tenant) -> None:
    """Tables, views, partitions, foreign tables and table-returning functions, in PostgreSQL's order; nothing else."""
    await tenant.admin(SCHEMA)
    catalog = await tenant.pool.catalog()
    assert {str(name): columns for name, columns in catalog.relations.items()} == EXPECTED
    assert catalog.relations[TableName("audit", "log")] == ("at",)


async def test_the_version_changes_with_the_schema_and_with_nothing_else(tenant: Tenant) -> None:
    """A renamed column makes a new version; rows and a second reading do not."""
    await tenant.admin(SCHEMA)
    first = (await tenant.pool.catalog()).version
    await tenant.admin("INSERT INTO public.orders VALUES (1); ANALYZE; CREATE INDEX another ON public.orders (id)")
    assert (await tenant.pool.catalog()).version == first
    await tenant.admin("ALTER TABLE public.orders RENAME note TO remark")
    renamed = (await tenant.pool.catalog()).version
    assert renamed != first
    await tenant.admin("ALTER TABLE public.orders RENAME remark TO note")
    assert (await tenant.pool.catalog()).version == first
