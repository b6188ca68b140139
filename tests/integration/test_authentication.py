"""Authentication as the gateway uses it: settings in, principals out, kept current on the way."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.authentication import Authentication
from proxy.database.control import open_control
from proxy.errors import Refusal
from proxy.identity.principal import Principal
from proxy.identity.signing_keys import KeyInvalid
from proxy.settings import load_settings

SECRET = "correct-horse-battery-staple-0123456789"
Start = Callable[..., Awaitable[Authentication]]


def add_key(folder: Path, kid: str) -> ed25519.Ed25519PrivateKey:
    """Publish a new key in a folder, and return its private half."""
    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{kid}.pem").write_bytes(pem)
    return private


def token(**claims: object) -> str:
    """Make an HS256 token."""
    return jwt.encode({"sub": "u", "tenant": "t", "exp": time.time() + 60, **claims}, SECRET, "HS256")


def token_by(private: ed25519.Ed25519PrivateKey, kid: str) -> str:
    """Make an EdDSA token."""
    claims = {"sub": "u", "tenant": "t", "exp": time.time() + 60}
    return jwt.encode(claims, private, "EdDSA", headers={"kid": kid})


async def ask(authentication: Authentication, text: str) -> Principal:
    """Return whom a token or key speaks for, once that is known."""
    return await authentication.authenticate(text, time.time())


async def refusal_of(authentication: Authentication, text: str) -> str:
    """Return the slug of a refusal."""
    with pytest.raises(Refusal) as caught:
        await ask(authentication, text)
    return caught.value.error


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start authentication with given settings; it stops with the test."""
    async with AsyncExitStack() as running:

        async def start_one(**environ: str) -> Authentication:
            authentication = Authentication(load_settings(environ, serving=False))
            running.push_async_callback(authentication.stop)
            await authentication.start()
            return authentication

        yield start_one


@pytest.fixture
def control_url(make_database: Callable[[str], str], admin_dsn: Callable[[str], str]) -> str:
    """Return the URL of a new control database."""
    return admin_dsn(make_database("control"))


async def test_tokens_and_keys_authenticate_until_they_are_revoked(start: Start, control_url: str) -> None:
    """One way in for both, and revoking either holds within a second."""
    authentication = await start(PROXY_JWT_SECRET=SECRET, PROXY_CONTROL_URL=control_url)
    bearer = token(jti="j-1")
    async with open_control(control_url) as store:
        record, key = await store.create_key("t", "billing")
        assert (await ask(authentication, bearer)).credential_id == "j-1"
        async with asyncio.timeout(1):
            while True:
                try:
                    principal = await ask(authentication, key)
                    break
                except Refusal:
                    await asyncio.sleep(0.01)
        assert (principal.kind, principal.role) == ("key", "billing")

        await store.revoke_token("j-1")
        await store.revoke_key(record.id)
    await asyncio.sleep(0.9)

    assert await refusal_of(authentication, bearer) == "token-revoked"
    assert await refusal_of(authentication, key) == "token-revoked"
    assert authentication.ready
    assert authentication.problems() == ()


async def test_without_a_control_database_tokens_work_and_keys_do_not(start: Start) -> None:
    """JWTs alone need no database; nothing is a key."""
    authentication = await start(PROXY_JWT_SECRET=SECRET)

    assert (await ask(authentication, token())).tenant == "t"
    assert await refusal_of(authentication, "dbp_" + "a" * 12 + "_" + "b" * 43) == "token-invalid"


async def test_a_missing_control_database_lets_nobody_in(
    start: Start, control_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was revoked is not known: so even a good token is refused, as something that passes."""
    monkeypatch.setattr("proxy.database.control_watch.ControlWatch.start.__defaults__", (0.3,))
    authentication = await start(PROXY_JWT_SECRET=SECRET, PROXY_CONTROL_URL=control_url.replace("/control_", "/gone_"))

    assert await refusal_of(authentication, token()) == "database-unavailable"
    assert not authentication.ready
    assert "does not exist" in authentication.problems()[0]
    assert re.search(r"\(since 20\d\d-\d\d-\d\dT.*\+00:00\)", authentication.problems()[0])
    assert authentication.control_away_since is not None


async def test_the_first_token_of_a_new_key_authenticates(start: Start, tmp_path: Path) -> None:
    """Rotation: the new key is copied in, and the first token that it signs is believed."""
    old = add_key(tmp_path, "old")
    authentication = await start(PROXY_JWT_KEYS=str(tmp_path))
    assert await ask(authentication, token_by(old, "old"))
    await asyncio.sleep(0.25)

    new = add_key(tmp_path, "new")

    assert await ask(authentication, token_by(new, "new"))
    assert await ask(authentication, token_by(old, "old"))


async def test_a_key_that_is_taken_away_lets_nobody_in_any_more(start: Start, tmp_path: Path) -> None:
    """Also not with a token that was believed before."""
    add_key(tmp_path, "new")
    old = add_key(tmp_path, "old")
    authentication = await start(PROXY_JWT_KEYS=str(tmp_path))
    bearer = token_by(old, "old")
    assert await ask(authentication, bearer)

    (tmp_path / "old.pem").unlink()
    await asyncio.sleep(1.3)

    assert await refusal_of(authentication, bearer) == "token-invalid"


async def test_keys_that_break_later_are_told_and_change_nothing(start: Start, tmp_path: Path) -> None:
    """The last good keys stay in force."""
    private = add_key(tmp_path, "main")
    authentication = await start(PROXY_JWT_KEYS=str(tmp_path))
    (tmp_path / "main.pem").write_text("oops")
    await asyncio.sleep(1.3)

    assert "main.pem" in authentication.problems()[0]
    assert await ask(authentication, token_by(private, "main"))


async def test_keys_that_cannot_be_read_at_start_end_it(start: Start, tmp_path: Path) -> None:
    """A gateway does not start with keys that nobody could use."""
    with pytest.raises(KeyInvalid, match="holds 0 files"):
        await start(PROXY_JWT_KEYS=str(tmp_path))


async def test_issuer_and_audience_come_from_the_settings(start: Start) -> None:
    """What is set is checked."""
    authentication = await start(PROXY_JWT_SECRET=SECRET, PROXY_JWT_ISSUER="me", PROXY_JWT_AUDIENCE="db")

    assert await ask(authentication, token(iss="me", aud="db"))
    assert await refusal_of(authentication, token(iss="me")) == "token-invalid"
    assert await refusal_of(authentication, token(aud="db")) == "token-invalid"
