"""`database-proxy purge` as a timer and an administrator run it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from databases import MakeDatabase

from proxy.embedded import Cluster

CHECKOUT = Path(__file__).parents[2]
SCHEMA = """
CREATE TABLE tokens (id integer PRIMARY KEY, expires_at timestamptz NOT NULL);
CREATE INDEX ON tokens (expires_at);
INSERT INTO tokens SELECT n, now() - interval '1 day' FROM generate_series(1, 25) n;
INSERT INTO tokens SELECT n, now() + interval '1 day' FROM generate_series(26, 30) n;
CREATE TABLE notes (at timestamptz NOT NULL);
INSERT INTO notes VALUES (now() - interval '1 day');
"""
Purge = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def database(make_database: MakeDatabase) -> str:
    """Return a database with rows that have expired."""
    return make_database("purged", sql=SCHEMA)


@pytest.fixture
def declare(tmp_path: Path, database: str) -> Callable[[str], None]:
    """Write the database's list."""

    def write(text: str) -> None:
        folder = tmp_path / "migrations" / database
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "expiry.yaml").write_text(text)

    return write


@pytest.fixture
def purge(cluster: Cluster, tmp_path: Path) -> Purge:
    """Return what runs the command where `migrations/` is, logged in as libpq's variables say."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    where = {
        "PGHOST": str(cluster.socket_folder),
        "PGPORT": str(cluster.port),
        "PGUSER": cluster.superuser,
        "PGPASSWORD": cluster.password,
        "PYTHONPATH": str(CHECKOUT),
    }

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "proxy", "purge", *arguments],
            cwd=tmp_path,
            env={**own, **where, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_what_has_expired_goes_and_is_told(purge: Purge, database: str, declare: Callable[[str], None]) -> None:
    """A rehearsal counts, a run deletes, and a second run finds nothing."""
    declare("- {table: tokens, column: expires_at}\n")
    rehearsal, run, again = purge("--dry-run"), purge("--batch", "10"), purge(database)
    assert (rehearsal.returncode, rehearsal.stderr) == (0, "")
    assert rehearsal.stdout == f"{database}:\n  tokens: 25 rows would go\n"
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith(f"{database}:\n  tokens: 25 rows in 3 transactions, ")
    assert (again.returncode, again.stdout) == (0, f"{database}:\n  tokens: no rows\n")


def test_scripts_read_json(purge: Purge, database: str, declare: Callable[[str], None]) -> None:
    """One document, with warnings and errors by table; those go to standard error besides."""
    declare("- {table: nosuch, column: at}\n- {table: notes, column: at}\n- {table: tokens, column: expires_at}\n")
    done = purge("--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["ok"], report["dryRun"]) == (False, False)
    (told,) = report["databases"]
    assert (told["database"], told["skipped"], told["error"]) == (database, False, None)
    nosuch, notes, tokens = told["tables"]
    assert nosuch["error"]["message"].endswith(f"migrations/{database}/expiry.yaml:1): there is no table nosuch")
    assert "no index" in notes["warnings"][0]["message"]
    assert (notes["rows"], notes["transactions"], notes["error"]) == (1, 1, None)
    assert (tokens["rows"], tokens["transactions"], tokens["warnings"], tokens["error"]) == (25, 1, [], None)
    assert "there is no table nosuch" in done.stderr
    assert "CREATE INDEX" in done.stderr


def test_a_fault_keeps_everything_as_it_is(purge: Purge, declare: Callable[[str], None]) -> None:
    """Also what other lines say rightly; each fault stands on a line."""
    declare("- {table: tokens, column: expires_at}\n- {tabel: notes}\n")
    done = purge(PGHOST="/nowhere")
    assert done.returncode == 1
    assert 'expiry.yaml:2:4: "tabel" is not known in an entry (Did you mean "table"?)' in done.stderr


def test_a_database_of_another_server_is_skipped_unless_it_is_named(
    purge: Purge, tmp_path: Path, declare: Callable[[str], None]
) -> None:
    """A checkout has more folders than a server has databases; where none is there, something is wrong."""
    elsewhere = tmp_path / "migrations/elsewhere_nosuch/expiry.yaml"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_text("- {table: t, column: c}\n")
    alone, named = purge(), purge("elsewhere_nosuch")
    assert (alone.returncode, named.returncode) == (1, 1)
    assert "none of these databases is there: elsewhere_nosuch" in alone.stderr
    assert 'database "elsewhere_nosuch" does not exist' in named.stderr
    declare("- {table: tokens, column: expires_at}\n")
    beside = purge()
    assert beside.returncode == 0
    assert beside.stdout.startswith("elsewhere_nosuch: not on this server, skipped\n")


def test_an_unreachable_server_is_one_clear_line(purge: Purge, declare: Callable[[str], None]) -> None:
    """No traceback, no password."""
    declare("- {table: tokens, column: expires_at}\n")
    done = purge("--url", "postgresql://someone:made-up@127.0.0.1:1/")
    assert done.returncode == 1
    assert "cannot log in to PostgreSQL" in done.stderr
    assert "Traceback" not in done.stderr
    assert "made-up" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--folder", "nosuch"], "there is no folder nosuch"),
        (["nosuch"], "there is no migrations/nosuch/expiry.yaml"),
        ([], "no folder in migrations has an expiry.yaml"),
        (["--batch", "0"], "no number of rows from 1 to 100000"),
        (["--bath", "1"], "unrecognized arguments: --bath"),
    ],
)
def test_wrong_usage_is_status_2(purge: Purge, tmp_path: Path, arguments: list[str], words: str) -> None:
    """Nothing is connected to, and the message says what was wrong."""
    (tmp_path / "migrations").mkdir()
    done = purge(*arguments, PGHOST="/nowhere")
    assert done.returncode == 2
    assert words in done.stderr


def test_help_teaches(purge: Purge) -> None:
    """What is declared where, who may run it, examples, exit statuses."""
    done = purge("--help")
    assert done.returncode == 0
    for word in ("expiry.yaml", "PGPASSFILE", "--dry-run", "examples:", "Exit status", "database-proxy-purge.timer"):
        assert word in done.stdout
