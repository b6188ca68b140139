"""Who is let in, from outside: every way not to be, and how soon a revocation counts."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from databases import run_apart
from gateways import Gateway, Tenant, World, wait_for

from proxy.database.control import ControlStore, open_control

WITHIN_S = 1.0


def now() -> int:
    """Return the time as tokens have it."""
    return int(time.time())


def unsigned(claims: dict[str, Any]) -> str:
    """Make a token with `alg: none`."""
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


GOOD = {"tenant": "acme", "sub": "user1"}

BAD_TOKENS: dict[str, tuple[Callable[[Gateway], str], int, str]] = {
    "none": (lambda _: "", 401, "token-missing"),
    "garbage": (lambda _: "garbage", 401, "token-invalid"),
    "three parts of garbage": (lambda _: "a.b.c", 401, "token-invalid"),
    "another secret": (lambda _: jwt.encode({**GOOD, "exp": now() + 60}, "x" * 32), 401, "token-invalid"),
    "expired": (lambda g: g.token(exp=now() - 31), 401, "token-expired"),
    "no exp": (lambda g: g.token(exp=None), 401, "token-invalid"),
    "no tenant": (lambda g: jwt.encode({"sub": "x", "exp": now() + 60}, g.secret), 401, "token-invalid"),
    "no sub": (lambda g: g.token(sub=None), 401, "token-invalid"),
    "not yet": (lambda g: g.token(nbf=now() + 3600), 401, "token-invalid"),
    "another algorithm": (lambda g: jwt.encode({**GOOD, "exp": now() + 60}, g.secret, "HS512"), 401, "token-invalid"),
    "alg none": (lambda _: unsigned({**GOOD, "exp": now() + 60}), 401, "token-invalid"),
    "made-up key": (lambda _: "dbp_abcdefghijkl_" + "x" * 43, 401, "token-invalid"),
    "another tenant": (lambda g: g.token("globex"), 403, "tenant-unknown"),
    "unknown role": (lambda g: g.token(role="nobody"), 403, "statement-denied"),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_who_may_not_come_in_is_refused(shared_gateway: Gateway, name: str) -> None:
    """Each bad credential has its status and slug; 401 asks for a bearer token; nothing is applied."""
    make, status, error = BAD_TOKENS[name]
    response = shared_gateway.query("SELECT 1", token=make(shared_gateway))
    document = response.json()
    assert (response.status_code, document["error"], document["applied"]) == (status, error, "no")
    assert response.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


def test_leeway_is_half_a_minute(shared_gateway: Gateway) -> None:
    """A clock that is a little ahead locks nobody out."""
    assert shared_gateway.query("SELECT 1", token=shared_gateway.token(exp=now() - 20)).status_code == 200


@pytest.mark.parametrize("header", ["Basic dXNlcjpwYXNz", "Bearer", "bearer a b", "Token x"])
def test_authorization_of_another_kind_is_no_token(shared_gateway: Gateway, header: str) -> None:
    """What is not `Bearer` and a token is a 401 that says so."""
    response = httpx.post(f"{shared_gateway.url}/query", json={"query": "SELECT 1"}, headers={"authorization": header})
    assert response.status_code == 401
    assert response.json()["error"] in {"token-missing", "token-invalid"}


def test_public_key_signs_nothing(world: World, tmp_path: Path) -> None:
    """With public keys, their owner's tokens are let in; one signed by HMAC with the public key is not."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    pem = tmp_path / "issuer.pem"
    pem.write_bytes(public)
    world.make_tenant()
    gateway = world.start_gateway(PROXY_JWT_KEYS=str(pem), PROXY_JWT_SECRET="")
    claims = {**GOOD, "exp": now() + 60}
    assert gateway.query("SELECT 1", token=jwt.encode(claims, private, "RS256")).status_code == 200
    # PyJWT refuses to make such a token; an attacker's library does not.
    header, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    )
    key = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = base64.urlsafe_b64encode(key.sign(header + b"." + body, public)).rstrip(b"=")
    response = gateway.query("SELECT 1", token=b".".join((header, body, signature)).decode())
    assert (response.status_code, response.json()["error"]) == (401, "token-invalid")


def with_control(url: str, work: Callable[[ControlStore], Any]) -> Any:
    """Do something in the control database."""

    async def run() -> Any:
        async with open_control(url) as store:
            return await work(store)

    return run_apart(run())


def statuses(gateway: Gateway, token: str, count: int = 12) -> set[tuple[int, str]]:
    """Ask on as many new connections, so that every worker is met, and return the different answers."""
    answers = [gateway.query("SELECT 1", token=token) for _ in range(count)]
    return {(answer.status_code, answer.json().get("error", "")) for answer in answers}


@pytest.fixture
def control(world: World) -> str:
    """Make a control database and return its URL."""
    return world.make_control()


@pytest.fixture
def two_workers(world: World, tenant: Tenant, control: str) -> Gateway:
    """Start a gateway of two processes that follows the control database."""
    assert tenant.file.exists()
    return world.start_gateway(PROXY_WORKERS="2", PROXY_CONTROL_URL=control)


def test_revoked_token_is_refused_by_every_worker_within_a_second(two_workers: Gateway, control: str) -> None:
    """After one second no worker lets the token in; others are not touched."""
    token, other = two_workers.token(jti="one"), two_workers.token(jti="two")
    assert statuses(two_workers, token) == {(200, "")}
    with_control(control, lambda store: store.revoke_token("one", now() + 600))
    time.sleep(WITHIN_S)
    assert statuses(two_workers, token) == {(401, "token-revoked")}
    assert statuses(two_workers, other) == {(200, "")}


def test_key_is_let_in_and_refused_once_revoked(two_workers: Gateway, control: str) -> None:
    """An API key works on every worker within a second of its making, and no longer within a second of its end."""
    record, key = with_control(control, lambda store: store.create_key("acme", "reader"))
    time.sleep(WITHIN_S)
    assert statuses(two_workers, key) == {(200, "")}
    assert two_workers.query("SELECT owner FROM notes", token=key).json()["rule"] == "column-granted"
    line = two_workers.event("request_served", credential=record.id)
    assert (line["tenant"], line["role"]) == ("acme", "reader")
    with_control(control, lambda store: store.revoke_key(record.id))
    time.sleep(WITHIN_S)
    assert statuses(two_workers, key) == {(401, "token-revoked")}
    assert key not in two_workers.log.read_text()


def test_nobody_is_let_in_before_revocations_are_known(world: World, tenant: Tenant, control: str) -> None:
    """A gateway that cannot know what was revoked says that it is not ready, and lets nobody in until it is."""
    assert tenant.file.exists()
    world.lock_control(locked=True)
    gateway = world.start_gateway(PROXY_CONTROL_URL=control, wait=False)
    gateway.wait_until_listening()
    response = gateway.query("SELECT 1")
    assert (response.status_code, response.json()["error"]) == (503, "database-unavailable")
    assert "control database" in httpx.get(f"{gateway.admin_url}/readyz").json()["problems"][0]
    assert gateway.event("control_unavailable")
    world.lock_control(locked=False)
    wait_for(lambda: gateway.query("SELECT 1").status_code == 200)
    assert gateway.event("control_available")


def test_keys_of_the_issuer_may_be_rotated(world: World, tmp_path: Path) -> None:
    """A new key in the folder counts without a restart; a broken file changes nothing and is told."""
    folder = tmp_path / "issuer"
    folder.mkdir()
    private = {name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in ("old", "new")}

    def publish(name: str) -> None:
        (folder / f"{name}.pem").write_bytes(
            private[name]
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def token(name: str) -> str:
        return jwt.encode({**GOOD, "exp": now() + 60}, private[name], "RS256", headers={"kid": name})

    publish("old")
    world.make_tenant()
    gateway = world.start_gateway(PROXY_JWT_KEYS=str(folder), PROXY_JWT_SECRET="")
    assert gateway.query("SELECT 1", token=token("old")).status_code == 200
    assert gateway.query("SELECT 1", token=token("new")).status_code == 401
    publish("new")
    wait_for(lambda: gateway.query("SELECT 1", token=token("new")).status_code == 200, timeout_s=5)
    (folder / "new.pem").write_text("-----BEGIN PUBLIC KEY-----")
    gateway.event("issuer_keys_unavailable")
    assert gateway.query("SELECT 1", token=token("new")).status_code == 200
    publish("new")
    gateway.event("issuer_keys_available")
