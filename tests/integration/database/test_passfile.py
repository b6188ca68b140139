"""Passwords as the driver finds them, without its reading the file for each connection."""

from pathlib import Path

import pytest
from asyncpg import connect_utils
from tenants_at_hand import Tenant

from proxy.database.passfile import Passfile

LINES = r"""
# a comment
db.example.com:*:acme:acme_edge:by-host
*:*:acme:acme_edge:of-acme
*:*:other:acme_edge:of-other
*:5432:ports:acme_edge:by-port
*:*:everyone:*:everyones
*:*:*:late:of-late
*:*:everyone:late:too-late
*:*:esc\:aped:late:with\:colon
*:*:*:*:fallback
"""
LOGINS = ("acme_edge", "late", "nobody", "*")
DATABASES = ("acme", "other", "ports", "everyone", "esc:aped", "elsewhere", "*")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a file."""
    path = tmp_path / "pgpass"
    path.write_text(LINES)
    path.chmod(0o600)
    return path


def by_driver(file: Path, user: str, database: str, host: str) -> str | None:
    """Return what the driver finds."""
    found = connect_utils._read_password_from_pgpass(
        passfile=file, hosts=[host], ports=[5432], database=database, user=user
    )
    return None if found is None else str(found)


def test_what_is_found_is_what_the_driver_finds(file: Path) -> None:
    """For any login, database and host; where the host matters, the driver is left to look."""
    passfile = Passfile(str(file))
    found = 0
    for user in LOGINS:
        for database in DATABASES:
            password = passfile.password(user, database)
            found += password is not None
            for host in ("db.example.com", "127.0.0.1", "/run/postgresql"):
                assert password in {None, by_driver(file, user, database, host)}
    assert found > len(LOGINS) * len(DATABASES) // 2
    assert passfile.password("acme_edge", "acme") is None
    assert passfile.password("acme_edge", "ports") is None
    assert passfile.password("late", "everyone") == "everyones"


def test_file_is_read_again_once_it_has_changed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed password, a line that is new, a file that is replaced, gone or there again; else it is not read."""
    read: list[Path] = []
    by_the_driver = connect_utils._read_password_file

    def noting(path: Path) -> list[tuple[str, ...]]:
        read.append(path)
        return list(by_the_driver(path))

    monkeypatch.setattr(connect_utils, "_read_password_file", noting)
    passfile = Passfile(str(file))
    for _ in range(5):
        assert passfile.password("late", "acme") == "of-late"
    assert len(read) == 1
    file.write_text("*:*:*:late:changed!\n")
    assert passfile.password("late", "acme") == "changed!"
    new = file.with_name("new")
    new.write_text("*:*:*:late:replaced\n")
    new.chmod(0o600)
    new.replace(file)
    assert passfile.password("late", "acme") == "replaced"
    file.unlink()
    assert passfile.password("late", "acme") is None
    file.write_text("*:*:*:late:again\n")
    file.chmod(0o600)
    assert passfile.password("late", "acme") == "again"


def test_file_that_the_driver_would_not_use_is_not_used(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may read it, a line is no line, or the environment has the password."""
    passfile = Passfile(str(file))
    file.chmod(0o640)
    with pytest.warns(UserWarning, match="group or world access"):
        assert passfile.password("late", "acme") is None
    file.chmod(0o600)
    assert passfile.password("late", "acme") == "of-late"
    with monkeypatch.context() as environment:
        environment.setenv("PGPASSWORD", "another")
        assert passfile.password("late", "acme") is None
    file.write_text("*:*:*:late:of-late\nnonsense\n")
    assert passfile.password("late", "acme") is None


async def test_pool_logs_in_with_a_password_that_was_changed(tenant: Tenant) -> None:
    """The next connection uses the new one."""
    assert await tenant.value("SELECT 1") == 1
    tenant.pool.drop_idle()
    await tenant.admin(f"ALTER ROLE {tenant.name} PASSWORD 'changed'")
    lines = tenant.postgres.passfile.read_text().splitlines()
    kept = [line for line in lines if f":{tenant.name}:" not in line]
    tenant.postgres.passfile.write_text("\n".join([*kept, f"*:*:*:{tenant.name}:changed", ""]))
    assert await tenant.value("SELECT 1") == 1
