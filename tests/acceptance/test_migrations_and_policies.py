"""What `apply_migrations.py` says of the policies of the database that it has migrated."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from databases import run_sql
from migrating import CHECKOUT, PROGRAM, libpq_environment

from proxy.embedded import Cluster

POLICY = """\
tenant: {name}
database: {name}
login: {name}
roles:
  desk:
    calls: {{select: [id, note]}}
"""


class Place(NamedTuple):
    """A database's name, its files, and its policy; the gateway's role has the name with `_gateway` behind it."""

    name: str
    migrations: Path
    policy: Path


Apply = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path) -> Iterator[Place]:
    """Return a database that has yet to be made, with a table and a policy; its roles go with the test."""
    name = f"judged_{os.urandom(4).hex()}"
    folder, policies = tmp_path / "migrations" / name, tmp_path / "policies"
    folder.mkdir(parents=True)
    policies.mkdir()
    (folder / "001_calls.sql").write_text("CREATE TABLE calls (id int PRIMARY KEY, note text);")
    (policies / f"{name}.yaml").write_text(POLICY.format(name=name))
    yield Place(name, folder, policies / f"{name}.yaml")
    run_sql(cluster.dsn(), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    run_sql(cluster.dsn(), f"DROP ROLE IF EXISTS {name}, {name}_gateway")


@pytest.fixture
def apply(cluster: Cluster, place: Place, tmp_path: Path) -> Apply:
    """Return what runs the command on that folder and those policies."""
    folders = ["--folder", "migrations", "--policies", "policies", "--gateway-role", f"{place.name}_gateway"]
    environment = libpq_environment(cluster, tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*PROGRAM, *folders, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def test_rights_that_nobody_has_applied_yet_are_no_finding(apply: Apply, place: Place) -> None:
    """The first run says how to give them, and ends well."""
    first = apply("--create")
    assert (first.returncode, first.stderr) == (0, "")
    note = f"  policies/{place.name}.yaml: its login {place.name} has no rights here yet; --with-policies gives them"
    assert note in first.stdout.splitlines()
    assert apply().returncode == 0


@pytest.mark.every_postgresql
def test_with_policies_gives_the_rights_of_the_file(apply: Apply, place: Place) -> None:
    """From then on every run holds the rights against the file."""
    done = apply("--create", "--with-policies")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"  policies/{place.name}.yaml: applied, and it fits" in done.stdout.splitlines()
    again = apply()
    assert again.returncode == 0
    assert f"  policies/{place.name}.yaml: fits" in again.stdout.splitlines()


def test_a_policy_that_no_longer_fits_is_told(apply: Apply, place: Place) -> None:
    """The migration is applied, and the status is 3, of its own."""
    apply("--create", "--with-policies")
    (place.migrations / "002_less.sql").write_text("ALTER TABLE calls DROP COLUMN note;")
    done = apply()
    assert done.returncode == 3
    assert "1 migration applied in " in done.stdout
    assert f"policies/{place.name}.yaml does not fit its database any more:" in done.stderr
    assert "missing: column calls.note does not exist" in done.stderr
    told = json.loads(apply("--json").stdout)
    [policy] = told["databases"][0]["policies"]
    assert (told["ok"], policy["tenant"], policy["ready"]) == (False, place.name, True)
    assert policy["differences"][0]["kind"] == "missing"


def test_rights_that_someone_has_added_are_told_and_taken_back(apply: Apply, cluster: Cluster, place: Place) -> None:
    """More than the file grants is a finding too; --with-policies makes the rights equal to the file again."""
    apply("--create", "--with-policies")
    run_sql(cluster.dsn(place.name), f"GRANT DELETE ON calls TO {place.name}")
    assert apply().returncode == 3
    assert apply("--with-policies").returncode == 0
    assert apply().returncode == 0


def test_dry_run_shows_the_rights_too(apply: Apply, place: Place) -> None:
    """In full, as `policy sql` would print them; nothing is made."""
    done = apply("--create", "--dry-run", "--with-policies")
    assert done.returncode == 0
    assert f"-- the rights of policies/{place.name}.yaml" in done.stdout
    assert f"GRANT SELECT (id, note) ON TABLE public.calls TO {place.name};" in done.stdout.replace('"', "")


def test_a_file_that_is_not_valid_is_told_and_keeps_nobody(apply: Apply, place: Place) -> None:
    """It may be another database's; the gateway keeps the last good one."""
    place.policy.write_text("tenant: [")
    done = apply("--create")
    assert done.returncode == 0
    assert f"policies/{place.name}.yaml is not valid" in done.stdout


def test_rights_need_a_superuser_and_migrations_do_not(apply: Apply, cluster: Cluster, place: Place) -> None:
    """An owner's migrations are applied; the message says who can do the rest."""
    owner = f"{place.name}_gateway"  # a role that goes with the test
    run_sql(cluster.dsn(), f"CREATE ROLE {owner} LOGIN PASSWORD 'made-up'")
    run_sql(cluster.dsn(), f"CREATE DATABASE {place.name} OWNER {owner}")
    done = apply("--with-policies", "--url", f"postgresql://{owner}:made-up@")
    assert done.returncode == 1
    assert "001 calls … applied in " in done.stdout
    assert "the migrations are: " in done.stderr
    assert "Rights are given by a superuser" in done.stderr
    assert "made-up" not in done.stdout + done.stderr


@pytest.mark.every_postgresql
def test_every_database_of_the_checkout_comes_up_by_one_command(cluster: Cluster, tmp_path: Path) -> None:
    """Each folder of migrations/, and a second run has nothing to do anywhere."""
    suffix = os.urandom(4).hex()
    folders = [folder for folder in (CHECKOUT / "migrations").iterdir() if folder.is_dir()]
    for folder in folders:
        (tmp_path / f"{folder.name}_{suffix}").symlink_to(folder)
    names = sorted(link.name for link in tmp_path.iterdir())
    command = [*PROGRAM, "--folder", str(tmp_path), "--policies", "/nowhere"]
    environment = libpq_environment(cluster, tmp_path)
    try:
        first, second = (
            subprocess.run([*command, *more], env=environment, capture_output=True, text=True, timeout=100, check=False)
            for more in (["--create"], [])
        )
    finally:
        for name in names:
            run_sql(cluster.dsn(), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert [line.removesuffix(": created") for line in first.stdout.splitlines() if line.endswith(": created")] == names
    assert second.stdout == "".join(f"{name}:\n  nothing is pending\n" for name in names)
