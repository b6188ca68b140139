"""`apply_migrations.py` as an administrator runs it."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from databases import Connect, run_sql
from migrating import PROGRAM, libpq_environment, until_sleeping

from proxy.embedded import Cluster

Apply = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(cluster: Cluster, tmp_path: Path) -> dict[str, str]:
    """Return libpq's variables for the run's server, with the password in a file."""
    return libpq_environment(cluster, tmp_path)


@pytest.fixture
def apply(environment: dict[str, str], tmp_path: Path) -> Apply:
    """Return what runs the command, from a folder that is not the checkout."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments],
            cwd=tmp_path,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """Return a name that no database has, and drop the one that gets it."""
    name = f"applied_{os.urandom(4).hex()}"
    yield name
    run_sql(cluster.dsn(), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def folder(tmp_path: Path, database: str) -> Path:
    """Return a folder of migrations for the database."""
    made = tmp_path / "migrations" / database
    made.mkdir(parents=True)
    return made


@pytest.mark.every_postgresql
def test_callmeback_comes_up_and_a_second_run_has_nothing_to_do(apply: Apply, database: str) -> None:
    """One command makes the database and its schema; it says what it did, and how long it took."""
    first = apply("--create", "callmeback", "--into", database)
    assert (first.returncode, first.stderr) == (0, "")
    assert f"{database}: created" in first.stdout
    assert "  001 create_personas_tables … applied in " in first.stdout
    assert "  8 migrations applied in " in first.stdout
    second = apply("callmeback", "--into", database)
    assert (second.returncode, second.stdout) == (0, f"{database}:\n  nothing is pending\n")


def test_status_tells_every_migration(apply: Apply, database: str, folder: Path) -> None:
    """What is applied, when and by whom; what is pending; what has changed since: that is status 1."""
    (folder / "001_first.sql").write_text("SELECT 1;")
    apply("--folder", "migrations", "--create")
    (folder / "002_second.sql").write_text("SELECT 2;")
    pending = apply("--folder", "migrations", "--status")
    (folder / "001_first.sql").write_text("SELECT 3;")
    changed = apply("--folder", "migrations", "--status")
    assert (pending.returncode, changed.returncode) == (0, 1)
    head, titles, first, second = pending.stdout.splitlines()
    assert head == f"{database}: 1 applied, 1 pending"
    assert titles.split() == ["version", "name", "state", "applied", "at", "(UTC)", "by", "took"]
    assert first.split()[:3] == ["001", "first", "applied"]
    assert "postgres" in first
    assert second.split() == ["002", "second", "pending"]
    assert changed.stdout.splitlines()[2].split()[:3] == ["001", "first", "changed"]


async def test_dry_run_prints_and_changes_nothing(
    apply: Apply, cluster: Cluster, database: str, folder: Path, connect: Connect
) -> None:
    """Not even the table schema_migrations is made."""
    (folder / "001_first.sql").write_text("-- why\nCREATE TABLE a ();\n")
    nowhere = apply("--folder", "migrations", "--dry-run", "--create")
    assert f"{database}: does not exist, and would be created" in nowhere.stdout
    run_sql(cluster.dsn(), f"CREATE DATABASE {database}")
    done = apply("--folder", "migrations", "--dry-run")
    assert done.returncode == 0
    assert "-- why\nCREATE TABLE a ();" in done.stdout
    assert f"migrations/{database}/001_first.sql" in done.stdout
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert await (await connect(database)).fetchval(tables) == 0


def test_a_failure_is_told_with_all_that_mends_it(apply: Apply, database: str, folder: Path) -> None:
    """File, line, statement, PostgreSQL's message, detail and hint, and what is applied."""
    (folder / "001_first.sql").write_text("CREATE TABLE a (id int PRIMARY KEY);")
    (folder / "002_second.sql").write_text("-- two\nSELECT 1;\nSELECT 1\nFROM a WHERE ids = 1;\n")
    done = apply("--folder", "migrations", "--create")
    assert done.returncode == 1
    assert "002 second … not applied" in done.stdout
    assert done.stderr.splitlines() == [
        f'apply_migrations: migrations/{database}/002_second.sql:4: column "ids" does not exist (SQLSTATE 42703)',
        "  statement: SELECT 1",
        "             FROM a WHERE ids = 1",
        "                          ^",
        '  hint:      Perhaps you meant to reference the column "a.id".',
        "  applied:   nothing of this file; the files before it are",
    ]
    assert apply("--folder", "migrations", "--status").stdout.startswith(f"{database}: 1 applied, 1 pending")


def test_databases_after_a_failure_are_not_tried(apply: Apply, database: str, folder: Path) -> None:
    """They are named, and stay as they are."""
    (folder / "001_first.sql").write_text("SELECT nothing;")
    last = folder.parent / f"z_{database}"
    last.mkdir()
    done = apply("--folder", "migrations", "--create")
    assert done.returncode == 1
    assert f"not tried: z_{database}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch"], "there is no folder"),
        (["--folder", "nosuch"], "there is no folder nosuch"),
        (["--to", "nine"], "'nine' is not a number"),
        (["--status", "--dry-run"], "not allowed with"),
        (["--into", "x", "--folder", "."], "--into takes exactly one DATABASE"),
        (["--resolve", "2", "maybe", "callmeback"], "'maybe' is neither applied nor retry"),
        (["--resolve", "two", "retry", "callmeback"], "'two' is not a number"),
        (["--resolve", "2", "retry", "--folder", "."], "--resolve takes exactly one DATABASE"),
        (["--baseline", "2", "--status"], "not allowed with"),
        (["--lock-timeout", "0"], "'0' is not a number of seconds"),
    ],
)
def test_wrong_usage_is_status_2(apply: Apply, arguments: list[str], words: str) -> None:
    """Nothing is connected to, and the message says what was wrong."""
    done = apply(*arguments, PGHOST="/nowhere")
    assert done.returncode == 2
    assert words in done.stderr


def test_a_missing_database_is_not_made_unasked(apply: Apply, database: str) -> None:
    """The hint says how to ask."""
    done = apply("callmeback", "--into", database)
    assert done.returncode == 1
    assert f'database "{database}" does not exist' in done.stderr
    assert "--create" in done.stderr


def test_an_unreachable_server_is_one_clear_line(apply: Apply, cluster: Cluster) -> None:
    """No traceback, no password."""
    done = apply("--url", f"postgresql://someone:{cluster.password}@127.0.0.1:1/", "callmeback")
    assert done.returncode == 1
    assert "cannot log in to PostgreSQL" in done.stderr
    assert "Traceback" not in done.stderr
    assert cluster.password not in done.stdout + done.stderr


def test_a_killed_run_leaves_nothing_half_applied(
    environment: dict[str, str], apply: Apply, cluster: Cluster, database: str, folder: Path
) -> None:
    """After kill -9 in the middle of a file PostgreSQL undoes it, and the next run does it whole."""
    (folder / "001_first.sql").write_text("CREATE TABLE a ();")
    (folder / "002_second.sql").write_text("CREATE TABLE b (); SELECT pg_sleep(60); CREATE TABLE c ();")
    command = [*PROGRAM, "--folder", folder.parent, "--create"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        told = ""
        while "002" not in told:
            told += running.stdout.read(1)
        running.kill()
    (folder / "002_second.sql").write_text("CREATE TABLE b (); CREATE TABLE c ();")
    again = apply("--folder", "migrations")
    assert again.returncode == 0
    assert "  1 migration applied in " in again.stdout
    run_sql(cluster.dsn(database), "DROP TABLE a, b, c")


def test_help_teaches(apply: Apply) -> None:
    """What it promises, where the server comes from, examples, exit statuses."""
    done = apply("--help")
    assert done.returncode == 0
    for word in ("one transaction", "PGPASSFILE", "--create", "examples:", "Exit status"):
        assert word in done.stdout


NO_TRANSACTION = "-- apply: no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY once ON a (n);\n"


def test_a_half_is_told_refused_and_resolved(apply: Apply, cluster: Cluster, database: str, folder: Path) -> None:
    """--status and the next run name the file, the index that it has left, and both ways on."""
    (folder / "001_first.sql").write_text("CREATE TABLE a (n int);\nINSERT INTO a VALUES (1), (1);\n")
    (folder / "002_second.sql").write_text(NO_TRANSACTION)
    failed = apply("--folder", "migrations", "--create")
    assert failed.returncode == 1
    assert "002 second … stopped half-way" in failed.stdout
    assert "002_second.sql:2: could not create unique index" in failed.stderr
    assert "--resolve 002" in failed.stderr
    for again in (apply("--folder", "migrations"), apply("--folder", "migrations", "--status")):
        assert again.returncode == 1
        assert "002 second has stopped half-way" in again.stderr
        assert "DROP INDEX CONCURRENTLY public.once;" in again.stderr
        assert "--resolve 002 retry" in again.stderr
    told = apply("--folder", "migrations", "--status").stdout
    assert told.startswith(f"{database}: 1 applied, 0 pending, 1 half-way\n")
    assert "half-way (1 of 1)" in told
    run_sql(cluster.dsn(database), "DROP INDEX once; TRUNCATE a")
    resolved = apply("--folder", "migrations", "--resolve", "002", "retry", database)
    assert (resolved.returncode, resolved.stdout) == (
        0,
        f"{database}: 002 is pending again, from its first statement\n",
    )
    assert "  1 migration applied in " in apply("--folder", "migrations").stdout


def test_a_killed_run_outside_a_transaction_is_half_way(
    environment: dict[str, str], apply: Apply, cluster: Cluster, database: str, folder: Path
) -> None:
    """Nobody was left to write it down afterwards: it was written down before."""
    (folder / "001_first.sql").write_text("-- apply: no-transaction\nCREATE TABLE a ();\nSELECT pg_sleep(60);\n")
    command = [*PROGRAM, "--folder", folder.parent, "--create"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        until_sleeping(cluster, database)
        under_way = apply("--folder", "migrations", "--status")
        running.kill()
    assert under_way.returncode == 0
    assert "  a run is under way: apply_migrations of postgres (pid " in under_way.stdout
    again = apply("--folder", "migrations")
    assert again.returncode == 1
    assert "its statement 2 of 2 (line 3) had begun" in again.stderr
    assert "the 1 before it are done" in again.stderr


def test_an_existing_database_is_taken_over(apply: Apply, cluster: Cluster, database: str, folder: Path) -> None:
    """What is there is recorded; --status says that it was not run."""
    (folder / "001_first.sql").write_text("CREATE TABLE a ();")
    (folder / "002_second.sql").write_text("CREATE TABLE b ();")
    run_sql(cluster.dsn(), f"CREATE DATABASE {database}")
    run_sql(cluster.dsn(database), "CREATE TABLE a ()")
    taken = apply("--folder", "migrations", "--baseline", "001", database)
    assert (taken.returncode, taken.stdout) == (0, f"{database}: 1 migration recorded as applied, and not run\n")
    assert "  002 second … applied in " in apply("--folder", "migrations").stdout
    assert "postgres (baseline)" in apply("--folder", "migrations", "--status").stdout


def test_verify_shows_both_checksums(apply: Apply, database: str, folder: Path) -> None:
    """Status 1, and what to do; status 0 where all is as it was."""
    first = folder / "001_first.sql"
    first.write_text("SELECT 1;")
    apply("--folder", "migrations", "--create")
    sound = apply("--folder", "migrations", "--verify")
    assert (sound.returncode, sound.stdout) == (0, f"{database}: 1 applied as their files say, 0 not\n")
    first.write_text("SELECT 2;")
    changed = apply("--folder", "migrations", "--verify")
    assert changed.returncode == 1
    assert sha256(b"SELECT 1;").hexdigest() in changed.stderr
    assert sha256(b"SELECT 2;").hexdigest() in changed.stderr


def test_json_is_one_document_in_every_mode(apply: Apply, cluster: Cluster, database: str, folder: Path) -> None:
    """Standard output is for the script alone; what is for people goes to standard error."""

    def document(*arguments: str) -> tuple[int, bool, dict[str, Any]]:
        done = apply("--folder", "migrations", "--json", *arguments)
        told = json.loads(done.stdout)
        [one] = told["databases"]
        assert one["database"] == database
        return done.returncode, told["ok"], one

    (folder / "001_first.sql").write_text("CREATE TABLE a (n int);")
    (folder / "002_second.sql").write_text(NO_TRANSACTION)
    status, _, planned = document("--dry-run", "--create")
    assert (status, planned["would_create"]) == (0, True)
    assert [(entry["version"], entry["in_transaction"]) for entry in planned["pending"]] == [(1, True), (2, False)]
    status, ok, applied = document("--create")
    assert (status, ok, applied["created"], applied["error"]) == (0, True, True, None)
    assert [entry["name"] for entry in applied["applied"]] == ["first", "second"]
    (folder / "003_third.sql").write_text("SELECT 1,\n  nosuch;")
    status, ok, failed = document()
    assert (status, ok, failed["applied"]) == (1, False, [])
    error = failed["error"]
    assert (error["line"], error["code"], error["applied"]) == (2, "42703", "no")
    assert error["file"].endswith("003_third.sql")
    _, _, told = document("--status")
    assert [entry["state"] for entry in told["migrations"]] == ["applied", "applied", "pending"]
    assert told["migrations"][0]["applied_at"].endswith("Z")
    assert document("--verify")[2]["verified"] == 2
    run_sql(cluster.dsn(database), "TRUNCATE schema_migrations")
    assert [entry["version"] for entry in document("--baseline", "2", database)[2]["recorded"]] == [1, 2]


def test_json_of_a_folder_that_cannot_be_read_is_a_document_too(apply: Apply, folder: Path) -> None:
    """A script gets its reason where it looks for it."""
    (folder / "seed.sql").write_text("SELECT 1;")
    done = apply("--folder", "migrations", "--json")
    assert done.returncode == 1
    assert "seed.sql has no number" in json.loads(done.stdout)["error"]["message"]


def test_two_runs_that_create_a_database_at_once_apply_everything_once(
    environment: dict[str, str], folder: Path
) -> None:
    """One creates, one waits and says for whom; both end well."""
    for number in range(1, 6):
        (folder / f"{number:03d}_step.sql").write_text(f"CREATE TABLE t{number} (); SELECT pg_sleep(0.05);")
    command = [*PROGRAM, "--folder", folder.parent, "--create"]
    runs = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(3)
    ]
    told = [run.communicate(timeout=60)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], told
    assert "".join(told).count("applied in") == 6  # five files and one summary
    assert sum("nothing is pending" in text for text in told) == 2
    assert sum("created" in text for text in told) == 1
    assert "waiting for its end" not in "".join(told) or "apply_migrations of postgres (pid " in "".join(told)


def test_a_long_statement_is_shown_where_it_is_wrong(apply: Apply, folder: Path) -> None:
    """Its beginning, and what stands around the mark."""
    columns = "".join(f"  c{number} int,\n" for number in range(40))
    (folder / "001_first.sql").write_text(f"CREATE TABLE a (\n{columns}  x varchr\n);\n")
    done = apply("--folder", "migrations", "--create")
    told = done.stderr.splitlines()
    assert "001_first.sql:42: " in told[0]
    assert told[1] == "  statement: CREATE TABLE a ("
    assert told[told.index("               x varchr") + 1] == "                 ^"
    assert len(told) < 15
