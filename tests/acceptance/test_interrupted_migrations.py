"""kill -9 at any point of a run, again and again: what comes out is what an uninterrupted run makes."""

import random
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from databases import run_apart, run_sql
from migrating import PROGRAM, fingerprint, libpq_environment

from proxy.database.admin import connect_admin
from proxy.embedded import Cluster
from proxy.migrations.running import invalid_indexes

INTERRUPTIONS = 52
LIVES = 4

# Small pauses inside statements, between them and in COMMIT itself: a kill finds each of these places.
PAUSE = "SELECT pg_sleep(0.005);"
FILES = {
    "001_tables.sql": "CREATE TABLE a (id int PRIMARY KEY, n int);\nCREATE TABLE log (t text);\n",
    "002_own_transaction.sql": f"BEGIN; INSERT INTO a SELECT n, n % 7 FROM generate_series(1, 50) n; {PAUSE} COMMIT;",
    "003_slow_commit.sql": f"""
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON log DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION late();
{PAUSE}
INSERT INTO log VALUES ('once');
""",
    "004_index.sql": """-- apply: no-transaction
DROP INDEX CONCURRENTLY IF EXISTS a_n;
SELECT pg_sleep(0.01);
CREATE INDEX CONCURRENTLY a_n ON a (n);
""",
    "005_rows.sql": "COPY log (t) FROM stdin;\nfrom 005\n\\.\nDROP TRIGGER late ON log;\nDROP FUNCTION late;\n",
    "006_temporary.sql": f"CREATE TEMP TABLE held AS SELECT 1;\nSET search_path = pg_catalog;\n{PAUSE}\n",
    "007_view.sql": f"{PAUSE}\nCREATE VIEW by_n AS SELECT n, count(*) FROM a GROUP BY n;\nCREATE TEMP TABLE held ();\n",
    "008_again.sql": """-- apply: no-transaction
ALTER TABLE a ADD COLUMN IF NOT EXISTS note text;
UPDATE a SET note = 'x' WHERE id <= 5;
DROP INDEX CONCURRENTLY IF EXISTS a_note;
CREATE UNIQUE INDEX CONCURRENTLY a_note ON a (note) WHERE note <> 'x';
""",
    "009_last.sql": f"INSERT INTO log SELECT 'last' FROM by_n;\n{PAUSE}\nALTER TABLE a ALTER note SET DEFAULT '';\n",
}


@dataclass
class Life:
    """One database, from nothing to all migrations and anew, with interruptions on the way."""

    cluster: Cluster
    folder: Path
    environment: dict[str, str]
    database: str
    killed: int = 0
    ends: list[str] = field(default_factory=list)

    def run(self, kill: Callable[[subprocess.Popen[str]], str] = lambda _: "") -> bool:
        """Start a run, have it killed once it has connected, resolve what it finds half-way; say whether it ended."""
        command = [*PROGRAM, "--folder", str(self.folder), "--create", "--into", self.database, "lived"]
        pipe, joined = subprocess.PIPE, subprocess.STDOUT
        with subprocess.Popen(command, env=self.environment, stdout=pipe, stderr=joined, text=True) as run:
            told = _read_until(run, f"{self.database}:\n")
            told += kill(run) + run.communicate(timeout=60)[0]
        self.killed += run.returncode == -9
        half = re.search(r"(\d+) \w+ has stopped half-way", told)
        if half:
            resolving = [*PROGRAM, "--folder", str(self.folder), "--into", self.database, "lived"]
            subprocess.run([*resolving, "--resolve", half[1], "retry"], env=self.environment, check=True, timeout=60)
        assert run.returncode in {0, -9} or half, told
        return run.returncode == 0

    def live(self, seed: int, whole_s: float, interruptions: int) -> None:
        """Be killed so often, in as many databases as it takes; what each of them ends as goes into `ends`."""
        chance = random.Random(seed)  # noqa: S311 - where to kill is no secret
        while self.killed < interruptions:
            self.ends += [self.end()] if self.run(_killer(chance, whole_s)) else []
        while not self.run():
            pass
        self.ends.append(self.end())

    def end(self) -> str:
        """Return what the database has become, and drop it."""
        made = fingerprint(self.cluster, self.database)
        run_sql(self.cluster.dsn(), f"DROP DATABASE {self.database} WITH (FORCE)")
        return made


def _killer(chance: random.Random, whole_s: float) -> Callable[[subprocess.Popen[str]], str]:
    """Return what kills a run, and tells what it has said: at some time, or when (or just after) it names a file."""
    begun, pause_s = chance.randrange(3), chance.random() * chance.random() * whole_s

    def kill(run: subprocess.Popen[str]) -> str:
        told = "".join(_read_until(run, " … ") for _ in range(begun))
        time.sleep(pause_s if begun == 0 else pause_s / 20)
        run.kill()
        return told

    return kill


def _read_until(run: subprocess.Popen[str], end: str) -> str:
    """Read what a run prints until it has printed this, or has ended."""
    assert run.stdout is not None
    told = ""
    while not told.endswith(end):
        letter = run.stdout.read(1)
        if not letter:
            break
        told += letter
    return told


@pytest.fixture
def lives(cluster: Cluster, tmp_path: Path) -> Iterator[list[Life]]:
    """Return databases that have yet to be made."""
    folder = tmp_path / "migrations" / "lived"
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    environment = libpq_environment(cluster, tmp_path)
    made = [Life(cluster, folder.parent, environment, f"lived_{number}") for number in range(LIVES)]
    yield made
    for life in made:
        run_sql(cluster.dsn(), f"DROP DATABASE IF EXISTS {life.database} WITH (FORCE)")


def test_any_interruptions_end_in_the_same_schema(lives: list[Life]) -> None:
    """At random times, and where a file begins; in transactions, in COMMIT, and in what runs outside of them."""
    began = time.monotonic()
    assert lives[0].run()
    whole_s = time.monotonic() - began
    expected = lives[0].end()
    seed = time.time_ns()
    with ThreadPoolExecutor(LIVES) as threads:
        share = -(-INTERRUPTIONS // LIVES)
        list(threads.map(lambda life: life.live(seed + lives.index(life), whole_s, share), lives))
    assert sum(life.killed for life in lives) >= INTERRUPTIONS
    assert {end for life in lives for end in life.ends} == {expected}


def test_a_run_after_that_changes_nothing(lives: list[Life]) -> None:
    """Not even the time in a row."""
    life = lives[0]
    rows = "SELECT pg_catalog.string_agg(m::text, ',' ORDER BY version) FROM schema_migrations m"

    async def told() -> object:
        async with await connect_admin(life.database, life.cluster.dsn(life.database)) as connection:
            assert await invalid_indexes(connection) == set()
            return await connection.run(rows)

    assert life.run()
    before = run_apart(told()), fingerprint(life.cluster, life.database)
    assert life.run()
    assert (run_apart(told()), fingerprint(life.cluster, life.database)) == before
