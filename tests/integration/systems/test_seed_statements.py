"""Every SQL statement of the seeds, in plain PostgreSQL and through both walls."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from databases import Connect
from systems_at_hand import SYSTEMS, Case, Edge, System, chapters

from proxy.errors import StatementFailed
from proxy.vetting.verdict import Denied

each_chapter = pytest.mark.parametrize(("system", "chapter"), list(chapters()), indirect=["system"])


@pytest.mark.parametrize("system", SYSTEMS, indirect=True)
def test_every_statement_has_one_outcome(system: System) -> None:
    """A case without an expectation would pass whatever happens."""
    for case in system.cases():
        outcomes = {"rows", "changed", "fails", "denied"} & case.keys()
        assert len(outcomes) == 1, case
        assert ("because" in case) == ("denied" in case), case
        assert "denied" in case or "harmless" not in case, case


@pytest.mark.every_postgresql
@each_chapter
async def test_plain_postgresql_runs_it(system: System, chapter: str, database: str, connect: Connect) -> None:
    """An administrator in psql gets what the seed says, or the SQLSTATE that the case names."""
    connection = await connect(database)
    await connection.execute("SET TIME ZONE 'UTC'")
    for case in system.chapters()[chapter]:
        if case.get("plain") != "not run":
            await _check_plain(connection, system, case)


async def _check_plain(connection: asyncpg.Connection, system: System, case: Case) -> None:
    refused = None
    try:
        statement = await connection.prepare(case["sql"])
        rows = await statement.fetch(*case.get("parameters", ()))
    except asyncpg.PostgresError as exc:
        refused = exc.sqlstate
    assert refused == (case.get("plain") or case.get("fails")), (system.name, case)
    if refused is None and "denied" not in case:
        columns = [attribute.name for attribute in statement.get_attributes()]
        expected = {**case, "rows": case["unfiltered"]} if "unfiltered" in case else case
        _check_answer(expected, columns, len(rows), statement.get_statusmsg())


@each_chapter
async def test_the_gateway_runs_or_denies_it(system: System, chapter: str, edge: Edge) -> None:
    """A worker of the role gets the same answer through both walls, or the denial that the case names."""
    for case in system.chapters()[chapter]:
        if "denied" in case:
            verdict = edge.vet(case["as"], case["sql"])
            assert isinstance(verdict, Denied), case
            assert verdict.rule == case["denied"], case
            assert verdict.hint, case
        else:
            await _check_allowed(edge, case)


async def _check_allowed(edge: Edge, case: Case) -> None:
    running = edge.run(case["as"], case["sql"], *case.get("parameters", ()), claims=case.get("claims"))
    if "fails" in case:
        with pytest.raises(StatementFailed) as caught:
            await running
        assert caught.value.code == case["fails"], case
        return
    result = await running
    count = len(result.rows) if "rows" in case else result.row_count
    _check_answer(case, [column.name for column in result.columns], len(result.rows), f"{result.command} {count}")


@pytest.mark.parametrize("system", SYSTEMS, indirect=True)
async def test_postgresql_denies_what_vetting_denies(system: System, edge: Edge) -> None:
    """With vetting out of the way, the login's own rights stop every statement that would do or tell anything."""
    for case in system.cases():
        if "denied" in case and "harmless" not in case:
            with pytest.raises(StatementFailed) as caught:
                await edge.run_unvetted(case["as"], case["sql"], claims=case.get("claims"))
            assert caught.value.code in {"42501", "42601", "42704", "42P01", "0A000", "25001", "3D000"}, case


def _check_answer(case: Case, columns: Sequence[str], rows: int, tag: Any) -> None:
    if "columns" in case:
        assert list(columns) == case["columns"], case
    if "rows" in case:
        assert case["rows"] in ("any", rows), case
    else:
        assert case["changed"] in ("any", int(tag.split()[-1])), case
