"""`key` and `token revoke` against a real control database."""

import json
import re
import time
from collections.abc import Callable

import jwt
import pytest

from proxy import cli
from proxy.database.control import open_control
from proxy.identity.keys import KeyRing
from tests.databases import run_apart, run_sql

SECRET = "correct-horse-battery-staple-0123456789"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def url(make_database: Callable[[str], str], admin_dsn: Callable[[str], str]) -> str:
    """Return the URL of a new control database."""
    return admin_dsn(make_database("control"))


@pytest.fixture
def run(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with the gateway's settings; return its status, output and complaints."""
    monkeypatch.setattr("os.environ", {"PROXY_CONTROL_URL": url, "PROXY_JWT_SECRET": SECRET})

    def run_one(*words: str) -> tuple[int, str, str]:
        status = cli.main(words)
        return (status, *capsys.readouterr())

    return run_one


def revoked(url: str) -> dict[str, float | None]:
    """Return what a gateway takes for revoked."""

    async def ask() -> dict[str, float | None]:
        async with open_control(url) as store:
            return dict((await store.changes_since(-1, -1)).revoked)

    return run_apart(ask())


def test_a_created_key_authenticates(run: Run, url: str) -> None:
    """The key is on the last line, alone, and a gateway that loads the keys lets it in."""
    status, output, complaints = run("key", "create", "--tenant", "callmeback", "--role", "billing", "--ttl", "1h")

    assert status == 0
    assert re.fullmatch(r"dbp_[a-z0-9]{12}_[A-Za-z0-9]{43}\n", output)
    assert output.strip() not in complaints

    async def keys() -> KeyRing:
        ring = KeyRing()
        async with open_control(url) as store:
            ring.replace(await store.list_keys())
        return ring

    principal = run_apart(keys()).authenticate(output.strip(), time.time())
    assert (principal.tenant, principal.role) == ("callmeback", "billing")
    assert principal.expires_at == pytest.approx(time.time() + 3600, abs=10)


def test_keys_are_listed_without_their_secret(run: Run) -> None:
    """A table for eyes, JSON for scripts; an empty list is no failure."""
    assert run("key", "list")[:2] == (0, "")
    assert json.loads(run("key", "list", "--json")[1]) == []
    made = json.loads(run("key", "create", "--tenant", "t", "--role", "r", "--note", "für Anna", "--json")[1])

    status, table, _ = run("key", "list")
    listed = json.loads(run("key", "list", "--json")[1])

    assert status == 0
    assert table.splitlines()[0].split() == "ID TENANT ROLE STATE CREATED LAST USED EXPIRES NOTE".split()
    assert made["id"] in table
    assert "für Anna" in table
    assert listed == [{field: value for field, value in made.items() if field != "key"}]
    assert listed[0]["state"] == "active"
    assert made["key"].rpartition("_")[2] not in table + json.dumps(listed)


def test_a_key_is_revoked_by_id_or_text(run: Run) -> None:
    """Both name it; revoking twice is no failure; an unknown one is."""
    first = json.loads(run("key", "create", "--tenant", "t", "--role", "r", "--json")[1])
    second = json.loads(run("key", "create", "--tenant", "t", "--role", "r", "--json")[1])

    assert run("key", "revoke", first["id"])[0] == 0
    assert run("key", "revoke", first["id"])[0] == 0
    assert run("key", "revoke", second["key"])[1] == f"revoked: {second['id']} (tenant t, role r)\n"
    assert {key["state"] for key in json.loads(run("key", "list", "--json")[1])} == {"revoked"}

    for unknown in ("unknown", "dbp_", "", "a\0b"):
        status, output, complaints = run("key", "revoke", unknown)
        assert (status, output) == (1, "")
        assert "no key of this id" in complaints


def test_a_note_written_by_hand_cannot_act_on_a_terminal(run: Run, url: str) -> None:
    """Control characters are shown as question marks."""
    run("key", "create", "--tenant", "t", "--role", "r")
    run_sql(url, r"UPDATE database_proxy.api_keys SET note = E'a\x1b[2Jb'")

    assert "a?[2Jb" in run("key", "list")[1]


def test_a_token_is_revoked_by_jti_or_as_a_whole(run: Run, url: str) -> None:
    """The whole token tells until when its revocation is needed."""
    token = run("token", "mint", "--tenant", "t", "--jti", "by-token", "--ttl", "1h")[1].strip()
    expires_at = jwt.decode(token, SECRET, ["HS256"])["exp"]

    assert run("token", "revoke", token)[:2] == (0, "revoked: by-token\n")
    assert run("token", "revoke", "by-jti")[:2] == (0, "revoked: by-jti\n")
    assert run("token", "revoke", "by-jti")[:2] == (0, "was revoked before: by-jti\n")

    assert revoked(url) == {"by-token": float(expires_at), "by-jti": None}


def test_a_database_that_does_not_answer_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit status 1, a reason, and no password."""
    monkeypatch.setattr("os.environ", {"PROXY_CONTROL_URL": "postgresql://gw:opensesame@127.0.0.1:1/control"})

    for words in (["key", "list"], ["key", "create", "--tenant", "t", "--role", "r"], ["token", "revoke", "j"]):
        status, output, complaints = run(*words)
        assert (status, output) == (1, "")
        assert "the control database cannot be used" in complaints
        assert "opensesame" not in complaints
