"""The fixtures that other tests stand on."""

from pathlib import Path

import asyncpg
import pytest
from databases import Connect, MakeDatabase

from proxy.embedded import Cluster


@pytest.mark.every_postgresql
async def test_each_database_starts_as_its_script_left_it(make_database: MakeDatabase, connect: Connect) -> None:
    """What one test writes, no other database of the same script shows."""
    script = "CREATE TABLE t (n int); INSERT INTO t VALUES (1)"
    first, second = make_database("one", script), make_database("one", script)
    await (await connect(first)).execute("INSERT INTO t VALUES (2)")
    assert await (await connect(second)).fetchval("SELECT count(*) FROM t") == 1


async def test_a_folder_of_scripts_runs_in_order(make_database: MakeDatabase, connect: Connect, tmp_path: Path) -> None:
    """002 may use what 001 made."""
    (tmp_path / "002_fill.sql").write_text("INSERT INTO t VALUES (7);")
    (tmp_path / "001_make.sql").write_text("CREATE TABLE t (n int);")
    database = make_database("folder", tmp_path)
    assert await (await connect(database)).fetchval("SELECT n FROM t") == 7


async def test_a_password_is_asked_of_everyone(cluster: Cluster, make_database: MakeDatabase) -> None:
    """A socket in reach is no way in without a password."""
    database = make_database("closed")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(cluster.dsn(database, user="postgres", password="guess"))
