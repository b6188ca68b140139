"""What vetting regenerates means to PostgreSQL what the caller wrote, and touches no more than the verdict says."""

from typing import Any, NamedTuple

import asyncpg
import pytest
from databases import Connect, MakeDatabase
from statement_corpus import SCHEMA, Case, allowed_cases, attacks, corpus_catalog, corpus_policy

from proxy.database.analyse import Analyst
from proxy.database.catalog import load_catalog
from proxy.policy.model import TableName
from proxy.vetting import vet
from proxy.vetting.second_reading import disagreements
from proxy.vetting.verdict import Allowed

SESSION = """
SET search_path = pg_catalog, public;
SET timezone = 'UTC';
SET statement_timeout = '5s';
"""


class Outcome(NamedTuple):
    """What a statement gives: column names, rows, the command's tag; or a SQLSTATE."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    tag: str = ""
    sqlstate: str = ""


@pytest.fixture
async def desk(make_database: MakeDatabase, connect: Connect) -> asyncpg.Connection:
    """Open a connection to a database with the corpus's schema."""
    connection = await connect(make_database("vetting", SCHEMA))
    await connection.execute(SESSION)
    return connection


def allowed(case: Case) -> Allowed:
    """Vet a case that the corpus allows."""
    verdict = vet(case.sql, corpus_policy(), case.role, corpus_catalog())
    assert isinstance(verdict, Allowed), f"{case}: {verdict.rule}: {verdict.message}"
    return verdict


@pytest.mark.every_postgresql
async def test_the_catalog_of_the_corpus_is_the_schemas(desk: asyncpg.Connection) -> None:
    """The columns that the unit tests judge by are those that PostgreSQL has."""
    found = (await load_catalog(desk)).relations
    assert {table: found.get(table) for table in corpus_catalog().relations} == dict(corpus_catalog().relations)


@pytest.mark.every_postgresql
async def test_regenerated_text_means_the_same(desk: asyncpg.Connection) -> None:
    """Each allowed statement gives the same columns, rows and count through its regenerated text as raw."""
    different = []
    for case in allowed_cases():
        raw = await outcome(desk, case.sql, case.params)
        regenerated = await outcome(desk, allowed(case).sql, case.params)
        assert not raw.sqlstate, f"{case}: {raw.sqlstate}"
        if raw != regenerated:
            different.append((str(case), raw, regenerated))
    assert different == []


@pytest.mark.every_postgresql
async def test_postgresql_reads_no_more_than_the_verdict_says(desk: asyncpg.Connection) -> None:
    """What PostgreSQL's own analysis depends on is named in the verdict, for the caller's text and for ours."""
    beyond = []
    for case in allowed_cases():
        verdict = allowed(case)
        for sql in (case.sql, verdict.sql):
            columns = await dependencies(desk, sql)
            beyond += [f"{case}: {table}.{column}" for table, column in columns if not named(verdict, table, column)]
    assert beyond == []


@pytest.mark.every_postgresql
async def test_the_second_reading_agrees(desk: asyncpg.Connection) -> None:
    """The gateway's own comparison finds nothing in any honest statement: it would raise an alarm and deny it."""
    await desk.execute("SET log_min_messages = fatal")
    analyst = await Analyst.on(desk)
    found = []
    for case in allowed_cases():
        verdict = allowed(case)
        reading = await analyst.read(verdict.sql)
        found += [f"{case}: {word}" for word in disagreements(verdict.touched, reading)]
    assert found == []


@pytest.mark.every_postgresql
async def test_honest_attacks_mean_the_same(desk: asyncpg.Connection) -> None:
    """A hostile statement that is allowed runs with PostgreSQL's meaning, and shows nothing forbidden."""
    tried = 0
    for attack in attacks():
        role = "shop-writer" if attack["writes_granted"] else "shop-reader"
        verdict = vet(attack["sql"], corpus_policy(), role, corpus_catalog())
        # What may run until a limit ends it is the executor's test.
        if not isinstance(verdict, Allowed) or attack["must"] == "bounded":
            continue
        params = [str(value) for value in attack["params"]]
        raw, regenerated = await outcome(desk, attack["sql"], params), await outcome(desk, verdict.sql, params)
        assert raw == regenerated, attack["id"]
        assert attack["forbidden_in_answer"] is None or attack["forbidden_in_answer"] not in str(regenerated)
        tried += 1
    assert tried > 5


async def outcome(connection: asyncpg.Connection, sql: str, params: list[str]) -> Outcome:
    """Run a statement in a transaction that is rolled back, its parameters given as PostgreSQL's text."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await prepare(connection, sql)
        values = ", ".join("NULL" if value is None else "'" + value.replace("'", "''") + "'" for value in params)
        executing = await connection.prepare(f"EXECUTE stmt ({values})" if params else "EXECUTE stmt")
        rows = await executing.fetch()
        names = tuple(attribute.name for attribute in executing.get_attributes())
        return Outcome(names, tuple(tuple(row.values()) for row in rows), executing.get_statusmsg())
    except asyncpg.PostgresError as error:
        return Outcome(sqlstate=str(error.sqlstate))
    finally:
        await transaction.rollback()


async def prepare(connection: asyncpg.Connection, sql: str) -> None:
    """Prepare a statement as `stmt`, in the place of the one before."""
    if await connection.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name = 'stmt'"):
        await connection.execute("DEALLOCATE stmt")
    await connection.execute(f"PREPARE stmt AS {sql.rstrip('; ')}")


async def dependencies(connection: asyncpg.Connection, sql: str) -> set[tuple[TableName, str | None]]:
    """Return the relations and columns that a function with the statement as its body depends on; nothing runs."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await prepare(connection, sql)
        types = await connection.fetchval(
            "SELECT array_to_string(parameter_types::text[], ', ') FROM pg_prepared_statements WHERE name = 'stmt'"
        )
        await connection.execute(
            f"CREATE FUNCTION public.body({types}) RETURNS void BEGIN ATOMIC\n{sql.rstrip('; ')}\n;\nEND"
        )
        found = await connection.fetch(
            """
            SELECT n.nspname::text, c.relname::text, a.attname::text
            FROM pg_depend d
            JOIN pg_class c ON c.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass
            JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = nullif(d.refobjsubid, 0)
            WHERE d.classid = 'pg_proc'::regclass AND d.objid = (SELECT oid FROM pg_proc WHERE proname = 'body')
            """
        )
        return {(TableName(schema, table), column) for schema, table, column in found}
    finally:
        await transaction.rollback()


def named(verdict: Allowed, table: TableName, column: str | None) -> bool:
    """Say whether a verdict names a relation, or a column that is read of it."""
    touched = verdict.touched
    if column is None:
        return table in {*touched.reads, *touched.inserts, *touched.updates, *touched.deletes}
    if f"{table.schema}.{table.name}" in verdict.touched.types:
        # What is made in the shape of a table depends on its columns, and reads none of them.
        return True
    if verdict.writes:
        # An insert also depends on the columns that it fills with defaults: the second reading tells them apart.
        return True
    columns = touched.reads.get(table, frozenset())
    return column in columns or "*" in columns
