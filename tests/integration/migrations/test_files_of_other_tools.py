"""Files as real applications have them: dumps, inline rows, functions of every kind; and where an error in them is."""

import subprocess

import pytest
from administration import Folder, admin, tables
from databases import MakeDatabase

from proxy.embedded import Cluster
from proxy.migrations.failure import MigrationFailed
from proxy.migrations.runner import migrate

# As pg_dump writes it, in short; its guards are those of the releases since August 2025.
DUMP = r"""--
-- PostgreSQL database dump
--

\restrict 9mVbC3cUq1fYg

SET statement_timeout = 0;
SET lock_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;

CREATE FUNCTION public.bump() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  NEW.n := NEW.n + 1; -- ;
  RETURN NEW;
END
$$;

CREATE TABLE public.calls (
    id integer NOT NULL,
    n integer DEFAULT 0,
    note text
);

COPY public.calls (id, n, note) FROM stdin;
1	0	it's; fine
2	5	\N
3	7	two\nlines
\.

ALTER TABLE ONLY public.calls
    ADD CONSTRAINT calls_pkey PRIMARY KEY (id);
CREATE TRIGGER bump BEFORE UPDATE ON public.calls FOR EACH ROW EXECUTE FUNCTION public.bump();

\unrestrict 9mVbC3cUq1fYg
"""


@pytest.mark.every_postgresql
async def test_a_dump_is_a_migration(cluster: Cluster, database: str, folder: Folder) -> None:
    """Its rows arrive, and its empty search_path reaches neither our own table nor the next file."""
    files = folder(DUMP, "CREATE TABLE after_it AS SELECT count(*) AS n FROM calls WHERE note IS NOT NULL")
    async with await admin(cluster, database) as connection:
        assert await migrate(connection, files) == files
        assert await tables(connection) == ["after_it", "calls"]
        assert await connection.run("SELECT n FROM after_it") == [(2,)]
        assert await connection.run("SELECT note FROM calls WHERE id = 3") == [("two\nlines",)]


@pytest.mark.every_postgresql
async def test_what_pg_dump_writes_today_is_a_migration(
    cluster: Cluster, make_database: MakeDatabase, folder: Folder
) -> None:
    """The real program's output, whatever release it is."""
    source, target = make_database("source", sql=DUMP_SOURCE), make_database("target")
    async with await admin(cluster, target) as connection:
        await migrate(connection, folder(dump(cluster, source)))
        assert await tables(connection) == ["calls", "orders"]
        assert await connection.run("SELECT total FROM public.spent") == [("12.50",)]


def dump(cluster: Cluster, database: str) -> str:
    """Return a database as its server's own pg_dump writes it."""
    command = [cluster._binaries.program("pg_dump"), cluster.dsn(database)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


DUMP_SOURCE = """
CREATE TYPE state AS ENUM ('open', 'done');
CREATE TABLE calls (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state state, note text DEFAULT E'a\\'b;');
INSERT INTO calls (state, note) VALUES ('open', E'\\\\.'), ('done', NULL);
CREATE TABLE orders (call_id int REFERENCES calls, total numeric(8, 2));
INSERT INTO orders VALUES (1, 12.5);
CREATE VIEW spent AS SELECT sum(total)::text AS total FROM orders;
CREATE FUNCTION spent_by(n int) RETURNS numeric LANGUAGE sql
  BEGIN ATOMIC SELECT sum(total) FROM orders WHERE call_id = n; SELECT 1.0; END;
"""


@pytest.mark.parametrize(
    "case",
    [
        ("-- rows\nCOPY t FROM stdin;\n1\n2\nx\n\\.\n", 5, "22P02"),
        ("COPY t FROM stdin (FORMAT csv, HEADER);\nid\n1\n1\n\\.\n", 4, "23505"),
        ("SELECT 1;\nDO $$\nBEGIN\n  PERFORM 1;\n  RAISE EXCEPTION 'no';\nEND $$;", 5, "P0001"),
        ("SELECT 1;\nDO LANGUAGE plpgsql $x$ BEGIN\n\n  PERFORM nosuch();\nEND $x$;", 4, "42883"),
        ("\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\nSELECT 1;\nSELECT nosuch\n$$;", 4, "42703"),
        ("\nCREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  SELECT FROM FROM;\nEND $$;", 4, "42601"),
        ("CREATE FUNCTION f() RETURNS int\nBEGIN ATOMIC\n  SELECT 1;\n  SELECT nosuch;\nEND;", 4, "42703"),
        ("SELECT 1,\n  2,\n  :'name';", 3, "42601"),
        ("SELECT 1;\n\nDROP TABLE nosuch;", 3, "42P01"),
        ("CREATE EXTENSION\n  nosuch;", 1, "0A000"),
    ],
)
async def test_an_error_is_told_where_it_is(
    cluster: Cluster, database: str, folder: Folder, case: tuple[str, int, str]
) -> None:
    """The row of a COPY, the line of a function's body, the word in a statement."""
    text, line, code = case
    async with await admin(cluster, database) as connection:
        with pytest.raises(MigrationFailed) as caught:
            await migrate(connection, folder("CREATE TABLE t (id int PRIMARY KEY)", text))
        assert await tables(connection) == ["t"]
    assert (caught.value.line, caught.value.failure.code) == (line, code)


async def test_one_file_may_hold_everything(cluster: Cluster, database: str, folder: Folder) -> None:
    """Quotes, escapes, nested comments and bodies with semicolons are read as PostgreSQL reads them."""
    text = r"""/* a /* nested; */ comment; */
CREATE TABLE t (a text DEFAULT E'it\'s;', b text DEFAULT 'C:\', "c;""d" text DEFAULT $x$;$$;$x$);
INSERT INTO t DEFAULT VALUES; -- ;
DO $$ BEGIN EXECUTE $q$ INSERT INTO t VALUES ('1;', U&'\003B', ';') $q$; END $$;
CREATE PROCEDURE add(n text) BEGIN ATOMIC INSERT INTO t (a) VALUES (CASE WHEN true THEN n END); SELECT 1; END;
CALL add('x');
"""
    async with await admin(cluster, database) as connection:
        await migrate(connection, folder(text))
        rows = await connection.run("SELECT * FROM t")
    assert rows == [("it's;", "C:\\", ";$$;"), ("1;", ";", ";"), ("x", "C:\\", ";$$;")]
