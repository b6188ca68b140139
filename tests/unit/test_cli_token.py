"""`token`: what it mints is believed by the gateway, and what it cannot do it says."""

import io
import json
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from proxy import cli
from proxy.identity.claims import Expected
from proxy.identity.principal import Principal
from proxy.identity.signing_keys import parse_pem
from proxy.identity.tokens import TokenVerifier

SECRET = "correct-horse-battery-staple-0123456789"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the secret, and nothing else of the gateway's."""
    monkeypatch.setattr("os.environ", {"PROXY_JWT_SECRET": SECRET})


def run(capture: Capture, *words: str) -> tuple[int, str, str]:
    """Run a command; return its status, output and complaints."""
    try:
        status = cli.main(words)
    except SystemExit as exc:
        status = int(exc.code or 0)
    output, complaints = capture.readouterr()
    return status, output, complaints


def mint(capture: Capture, *words: str, expected: Expected | None = None) -> Principal:
    """Mint a token and let a gateway with the secret believe it."""
    status, output, complaints = run(capture, "token", "mint", "--tenant", "callmeback", *words)
    assert (status, output.count("\n")) == (0, 1), complaints
    assert output.strip() not in complaints
    return TokenVerifier(SECRET.encode(), expected=expected).verify(output.strip(), time.time())


def test_a_minted_token_is_believed(capsys: Capture) -> None:
    """The token stands alone on the last line, holds for an hour and can be revoked."""
    principal = mint(capsys, "--role", "auth-manager")

    assert (principal.tenant, principal.role, principal.subject) == ("callmeback", "auth-manager", "callmeback")
    assert principal.credential_id
    assert principal.expires_at == pytest.approx(time.time() + 3600, abs=5)


def test_every_token_has_its_own_jti(capsys: Capture) -> None:
    """Revoking one leaves the others."""
    assert mint(capsys).credential_id != mint(capsys).credential_id
    assert mint(capsys, "--jti", "mine").credential_id == "mine"


def test_claims_are_texts_or_json(capsys: Capture) -> None:
    """`=` gives a text, `:=` what JSON says; sub may be said either way."""
    words = ("--claim", "plan=a=b", "--claim", "n=5", "--claim", "seats:=5", "--claim", 'list:=["a"]')
    claims = mint(capsys, *words, "--subject", "user-1").claims

    assert (claims["plan"], claims["n"], claims["seats"], claims["list"]) == ("a=b", "5", 5, ["a"])
    assert claims["sub"] == "user-1"
    assert mint(capsys, "--claim", "sub=user-2").subject == "user-2"


@pytest.mark.parametrize(("ttl", "seconds"), [("90s", 90), ("15m", 900), ("2d", 172_800), ("1w", 604_800)])
def test_the_time_it_holds_has_units(capsys: Capture, ttl: str, seconds: int) -> None:
    """Seconds, minutes, hours, days and weeks."""
    assert mint(capsys, "--ttl", ttl).expires_at == pytest.approx(time.time() + seconds, abs=5)


def test_issuer_and_audience_are_the_gateways_own(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that asks for them gets them."""
    environ = {"PROXY_JWT_SECRET": SECRET, "PROXY_JWT_ISSUER": "me", "PROXY_JWT_AUDIENCE": "db"}
    monkeypatch.setattr("os.environ", environ)

    assert mint(capsys, expected=Expected("me", "db")).claims["aud"] == "db"


def test_json_gives_token_and_claims(capsys: Capture) -> None:
    """A script gets both without taking the token apart."""
    status, output, _ = run(capsys, "token", "mint", "--tenant", "t", "--json")

    printed = json.loads(output)
    assert status == 0
    assert jwt.decode(printed["token"], SECRET, ["HS256"]) == printed["claims"]


@pytest.mark.parametrize(
    ("private", "algorithm"),
    [
        (rsa.generate_private_key(65_537, 2048), "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
    ids=["RS256", "ES256", "EdDSA"],
)
def test_a_private_key_signs_for_its_public_half(
    capsys: Capture, tmp_path: Path, private: rsa.RSAPrivateKey, algorithm: str
) -> None:
    """The algorithm follows from the key, the kid from the file's name."""
    file = tmp_path / "2025-11.pem"
    file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    status, output, _ = run(capsys, "token", "mint", "--tenant", "t", "--key", str(file), "--alg", algorithm)

    assert status == 0
    assert TokenVerifier(keys=(parse_pem(public, "2025-11"),)).verify(output.strip(), time.time()).tenant == "t"
    _, output, _ = run(capsys, "token", "mint", "--tenant", "t", "--key", str(file), "--kid", "other")
    assert jwt.get_unverified_header(output.strip()) == {"alg": algorithm, "kid": "other", "typ": "JWT"}


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ([], 2, "--tenant"),
        (["--tenant", ""], 2, "1 to 255 characters"),
        (["--tenant", "a\nb"], 2, "cannot be printed"),
        (["--tenant", "a\udc80"], 2, "cannot be printed"),
        (["--tenant", "t", "--ttl", "1y"], 2, "no time"),
        (["--tenant", "t", "--ttl", "0s"], 2, "no time"),
        (["--tenant", "t", "--ttl", "-1h"], 2, "--ttl"),
        (["--tenant", "t", "--claim", "plan"], 2, "not NAME=VALUE"),
        (["--tenant", "t", "--claim", "=x"], 2, "not NAME=VALUE"),
        (["--tenant", "t", "--claim", "n:=x"], 2, "no JSON"),
        (["--tenant", "t", "--claim", "tenant=other"], 2, "set by --tenant"),
        (["--tenant", "t", "--claim", "exp:=1"], 2, "set by --ttl"),
        (["--tenant", "t", "--claim", "jti:=1"], 1, "would refuse"),
        (["--tenant", "t", "--claim", "nbf:=9999999999"], 1, "not valid yet"),
        (["--tenant", "t", "--claim", "pad=" + "x" * 8192], 1, "at most"),
        (["--tenant", "t", "--kid", "k"], 2, "--kid"),
        (["--tenant", "t", "--alg", "RS256"], 2, "--key"),
        (["--tenant", "t", "--key", "/nowhere/key.pem"], 1, "No such file"),
        (["--tenant", "t", "--key", "/etc/hostname"], 1, "no private key"),
    ],
)
def test_what_cannot_be_minted_is_told(capsys: Capture, words: list[str], status: int, told: str) -> None:
    """The message says what is wrong; nothing is printed that could be taken for a token."""
    got, output, complaints = run(capsys, "token", "mint", *words)

    assert (got, output) == (status, "")
    assert told in complaints
    assert SECRET not in complaints


def test_a_key_does_not_take_another_algorithm(capsys: Capture, tmp_path: Path) -> None:
    """An algorithm that the key is not for is a slip."""
    file = tmp_path / "k.pem"
    private = ed25519.Ed25519PrivateKey.generate()
    file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    status, _, complaints = run(capsys, "token", "mint", "--tenant", "t", "--key", str(file), "--alg", "RS256")

    assert status == 2
    assert "a key for EdDSA" in complaints


def test_without_a_secret_there_is_nothing_to_sign_with(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint names both ways."""
    monkeypatch.setattr("os.environ", {})
    status, _, complaints = run(capsys, "token", "mint", "--tenant", "t")

    assert status == 2
    assert "PROXY_JWT_SECRET" in complaints
    assert "--key" in complaints


def test_bad_settings_are_told_together(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words as at the gateway's start, and no secret."""
    monkeypatch.setattr("os.environ", {"PROXY_JWT_SECRET": "tiny-thing", "PROXY_JWT_ISUER": "x"})
    status, _, complaints = run(capsys, "token", "mint", "--tenant", "t")

    assert status == 2
    assert "10 bytes long" in complaints
    assert "PROXY_JWT_ISSUER?" in complaints
    assert "tiny-thing" not in complaints


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        ("", 2, "no jti"),
        ("a\x1bb", 2, "no jti"),
        ("eyJhbGciOi.broken", 1, "cannot be read"),
        ("dbp_abcdefghijkl_x", 2, "API key"),
        (jwt.encode({"exp": 1_900_000_000}, SECRET), 1, "holds until 2030-03-17T17:46:40Z"),
        (jwt.encode({"exp": 10**30}, SECRET), 1, "has no jti"),
        (jwt.encode({"jti": 5, "x": "y"}, SECRET).replace("=", ""), 1, "has no jti"),
        ("good-jti", 2, "PROXY_CONTROL_URL is not set"),
    ],
    ids=range(8),
)
@pytest.mark.parametrize("by_input", [False, True])
def test_what_cannot_be_revoked_is_told(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, *, text: str, status: int, told: str, by_input: bool
) -> None:
    """Each with its own reason, and never by showing the token."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text + "\n"))
    got, output, complaints = run(capsys, "token", "revoke", "-" if by_input else text)

    assert (got, output) == (status, "")
    assert told in complaints
    assert len(text) < 20 or text not in complaints
