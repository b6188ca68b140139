"""Running `apply_migrations.py` on the tests' server, and what a database looks like afterwards."""

import os
import subprocess
import sys
from pathlib import Path

from databases import run_sql

from proxy.embedded import Cluster

CHECKOUT = Path(__file__).parents[2]
PROGRAM = (sys.executable, str(CHECKOUT / "apply_migrations.py"))


def libpq_environment(cluster: Cluster, folder: Path) -> dict[str, str]:
    """Return the environment of who administers the server; the password lies in a file in `folder`."""
    passfile = folder / "pgpass"
    passfile.write_text(f"*:*:*:{cluster.superuser}:{cluster.password}\n")
    passfile.chmod(0o600)
    own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    where = {"PGHOST": str(cluster.socket_folder), "PGPORT": str(cluster.port), "PGUSER": cluster.superuser}
    return {**own, **where, "PGPASSFILE": str(passfile)}


def until_sleeping(cluster: Cluster, database: str) -> None:
    """Return once a session of the database is in its pg_sleep."""
    wait = f"""
        DO $$ BEGIN
          WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '{database}' AND wait_event = 'PgSleep') LOOP
            PERFORM pg_sleep(0.02), pg_stat_clear_snapshot();
          END LOOP;
        END $$"""
    run_sql(cluster.dsn(), wait)


def fingerprint(cluster: Cluster, database: str) -> str:
    """Return all that is in a database as pg_dump writes it, but when each migration was applied."""
    command = [cluster._binaries.program("pg_dump"), "--inserts", "--exclude-table-data=schema_migrations"]
    told = subprocess.run([*command, cluster.dsn(database)], capture_output=True, text=True, check=True).stdout
    kept = [line for line in told.splitlines() if not line.startswith(("\\", "--"))]
    # Where a row lies depends on what was vacuumed before it came: it is no part of what there is.
    rows = sorted(line for line in kept if line.startswith("INSERT "))
    return "\n".join([*(line for line in kept if not line.startswith("INSERT ")), *rows])
