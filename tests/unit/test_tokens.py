"""Tokens: what authenticates, and every known way to make one that should not."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from proxy.errors import Refusal
from proxy.identity.claims import Expected
from proxy.identity.signing_keys import SigningKey, parse_pem
from proxy.identity.tokens import TokenVerifier, UnknownSigningKey, peek_claims

NOW = 1_763_700_000.0
SECRET = b"correct-horse-battery-staple-0123456789"
CLAIMS = {"sub": "user-1", "tenant": "callmeback", "role": "auth-manager", "exp": int(NOW) + 600}

Signer = Callable[[bytes], bytes]


def b64(data: bytes) -> str:
    """Encode as JWTs do."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed_by(secret: bytes) -> Signer:
    """Sign with HMAC-SHA-256."""
    return lambda data: hmac.new(secret, data, hashlib.sha256).digest()


def forge(claims: object, header: object = None, sign: Signer | None = None) -> str:
    """Make a token of any header and payload; bytes are taken as they are."""
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    parts = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in (header, claims)]
    signed = ".".join(b64(part) for part in parts)
    return f"{signed}.{b64((sign or signed_by(SECRET))(signed.encode()))}"


@pytest.fixture(scope="module")
def rsa_private() -> rsa.RSAPrivateKey:
    """Make one RSA key for all tests here: it takes a while."""
    return rsa.generate_private_key(65_537, 2048)


@pytest.fixture(scope="module")
def pem(rsa_private: rsa.RSAPrivateKey) -> bytes:
    """Return the public key as a PEM file holds it."""
    return rsa_private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def rs256(rsa_private: rsa.RSAPrivateKey) -> Signer:
    """Sign as the issuer does."""
    return lambda data: RSAAlgorithm(RSAAlgorithm.SHA256).sign(data, rsa_private)


@pytest.fixture
def by_key(pem: bytes) -> TokenVerifier:
    """Make a verifier that knows one public key, called main."""
    return TokenVerifier(keys=(parse_pem(pem, "main"),))


def refused(verifier: TokenVerifier, token: str, now: float = NOW) -> Refusal:
    """Return the refusal of a token, after making sure that it does not show the token."""
    with pytest.raises(Refusal) as caught:
        verifier.verify(token, now)
    told = f"{caught.value!r}"
    assert all(len(part) < 8 or part not in told for part in token.split("."))
    assert caught.value.code is None
    assert caught.value.hint
    return caught.value


BY_SECRET = TokenVerifier(SECRET)


def test_a_token_becomes_a_principal() -> None:
    """Every claim is there, and the ones that matter have their fields."""
    principal = BY_SECRET.verify(forge({**CLAIMS, "jti": "j-1", "plan": "gold"}), NOW)

    assert (principal.tenant, principal.role, principal.subject) == ("callmeback", "auth-manager", "user-1")
    assert (principal.kind, principal.credential_id, principal.expires_at) == ("jwt", "j-1", NOW + 600)
    assert principal.claims["plan"] == "gold"


def test_the_role_has_a_default_and_the_jti_has_none() -> None:
    """A token without role and jti is fine, and cannot be revoked."""
    principal = BY_SECRET.verify(forge({k: v for k, v in CLAIMS.items() if k != "role"}), NOW)

    assert principal.role == "default"
    assert principal.credential_id is None


@pytest.mark.parametrize(
    ("private", "signer"),
    [
        (ec.generate_private_key(ec.SECP256R1()), ECAlgorithm(ECAlgorithm.SHA256)),
        (ed25519.Ed25519PrivateKey.generate(), OKPAlgorithm()),
    ],
    ids=["ES256", "EdDSA"],
)
def test_elliptic_keys_check_tokens(private: Any, signer: Any, request: pytest.FixtureRequest) -> None:
    """ES256 and EdDSA work as RS256 does, and one does not pass for the other."""
    algorithm = request.node.callspec.id
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    verifier = TokenVerifier(keys=(parse_pem(public, "k"),))

    token = forge(CLAIMS, {"alg": algorithm, "kid": "k"}, lambda data: signer.sign(data, private))
    assert verifier.verify(token, NOW).subject == "user-1"

    other = forge(CLAIMS, {"alg": "RS256", "kid": "k"}, lambda data: signer.sign(data, private))
    assert refused(verifier, other).error == "token-invalid"


def test_public_keys_are_found_by_kid(by_key: TokenVerifier, rs256: Signer) -> None:
    """The right kid authenticates; one key needs no kid."""
    assert by_key.verify(forge(CLAIMS, {"alg": "RS256", "kid": "main"}, rs256), NOW).tenant == "callmeback"
    assert by_key.verify(forge(CLAIMS, {"alg": "RS256"}, rs256), NOW).tenant == "callmeback"


def test_a_token_without_kid_has_no_choice_of_keys(pem: bytes, rs256: Signer) -> None:
    """With two keys of one algorithm, a token has to say which."""
    two = TokenVerifier(keys=(parse_pem(pem, "a"), parse_pem(pem, "b")))

    with pytest.raises(UnknownSigningKey):
        two.verify(forge(CLAIMS, {"alg": "RS256"}, rs256), NOW)


@pytest.mark.parametrize("kid", ["other", "", "MAIN", "main.pem", "../main", "/etc/passwd", "main\0", "a" * 4000])
def test_a_wrong_kid_is_refused_as_unknown(by_key: TokenVerifier, rs256: Signer, kid: str) -> None:
    """A kid is compared with names; it is never a path."""
    refusal = refused(by_key, forge(CLAIMS, {"alg": "RS256", "kid": kid}, rs256))

    assert isinstance(refusal, UnknownSigningKey)
    assert refusal.error == "token-invalid"


@pytest.mark.parametrize("kid", [1, True, ["main"], {"main": 1}, 1.5])
def test_a_kid_that_is_no_string_is_refused(by_key: TokenVerifier, rs256: Signer, kid: object) -> None:
    """Nothing else is looked up."""
    assert refused(by_key, forge(CLAIMS, {"alg": "RS256", "kid": kid}, rs256)).error == "token-invalid"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, [], {}, 0, True])
@pytest.mark.parametrize("signature", [b"", b"x"])
def test_unsigned_tokens_are_refused(algorithm: object, signature: bytes, by_key: TokenVerifier) -> None:
    """No spelling of `alg: none` gets in, with a signature or without."""
    token = forge(CLAIMS, {"alg": algorithm}, lambda _: signature)

    assert refused(BY_SECRET, token).error == "token-invalid"
    assert refused(by_key, token).error == "token-invalid"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "PS256", "ES384", "hs256", "RS512", "dir"])
def test_an_algorithm_that_is_not_configured_is_refused(algorithm: str) -> None:
    """The secret checks HS256 and nothing else."""
    token = forge(CLAIMS, {"alg": algorithm}, lambda data: hmac.new(SECRET, data, hashlib.sha512).digest())

    assert refused(BY_SECRET, token).error == "token-invalid"


def test_an_hmac_with_the_public_key_is_refused(by_key: TokenVerifier, pem: bytes, rsa_private: Any) -> None:
    """Who knows the public key (everyone) cannot sign with it, in any of its spellings."""
    der = rsa_private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    both = TokenVerifier(SECRET, (parse_pem(pem, "main"),))

    for material in (pem, pem.strip(), pem + b"\n", der, b""):
        for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": "main"}):
            token = forge(CLAIMS, header, signed_by(material))
            assert refused(by_key, token).error == "token-invalid"
            assert refused(both, token).error == "token-invalid"


def test_a_key_name_binds_the_algorithm(pem: bytes) -> None:
    """A token that names a public key is not checked with the secret instead."""
    both = TokenVerifier(SECRET, (parse_pem(pem, "main"),))

    assert refused(both, forge(CLAIMS, {"alg": "HS256", "kid": "main"})).error == "token-invalid"
    assert both.verify(forge(CLAIMS, {"alg": "HS256", "kid": "theirs"}), NOW).subject == "user-1"


def test_a_public_key_cannot_be_the_secret(pem: bytes) -> None:
    """What anyone may know is no secret."""
    with pytest.raises(ValueError, match="public key"):
        TokenVerifier(pem)


def test_keys_that_a_header_brings_along_are_ignored(by_key: TokenVerifier) -> None:
    """A token cannot vouch for itself: `jwk`, `jku`, `x5u` and `x5c` are not looked at."""
    mine = rsa.generate_private_key(65_537, 2048)
    jwk = RSAAlgorithm.to_jwk(mine.public_key(), as_dict=True)

    for extra in ({"jwk": jwk}, {"jku": "https://evil.example/k"}, {"x5u": "https://evil.example"}, {"x5c": ["AA=="]}):
        for kid in ({}, {"kid": "main"}):
            token = forge(
                CLAIMS,
                {"alg": "RS256", **kid, **extra},
                lambda data: RSAAlgorithm(RSAAlgorithm.SHA256).sign(data, mine),
            )
            assert refused(by_key, token).error == "token-invalid"


@pytest.mark.parametrize("extra", [{"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"b64": True}])
def test_extensions_that_are_not_understood_are_refused(extra: dict[str, Any]) -> None:
    """RFC 7515: what is critical must be understood; we understand none."""
    assert refused(BY_SECRET, forge(CLAIMS, {"alg": "HS256", **extra})).error == "token-invalid"


@pytest.mark.parametrize(
    ("type_", "fine"),
    [("JWT", True), ("jwt", True), ("at+jwt", True), ("application/at+jwt", True), ("dpop+jwt", False), (1, False)],
)
def test_only_a_jwt_is_a_jwt(type_: object, fine: bool) -> None:
    """Signed things of other purposes, made with the same key, do not authenticate."""
    token = forge(CLAIMS, {"alg": "HS256", "typ": type_})

    if fine:
        assert BY_SECRET.verify(token, NOW)
    else:
        assert refused(BY_SECRET, token).error == "token-invalid"


def _signature_spelled_otherwise() -> str:
    token = forge(CLAIMS)
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + last[last.index(token[-1]) ^ 1]


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        forge(CLAIMS) + ".x",
        "." + forge(CLAIMS),
        forge(CLAIMS).rsplit(".", 1)[0] + ".",
        forge(CLAIMS).rsplit(".", 1)[0],
        forge(CLAIMS) + "=",
        forge(CLAIMS) + "\n",
        " " + forge(CLAIMS),
        forge(CLAIMS).replace(".", "\u2024"),
        forge(CLAIMS) + "\u0130",
        forge(CLAIMS)[:-1] + "\udc80",
        "\uff41" * 30,
        _signature_spelled_otherwise(),
        forge(CLAIMS, b"\xff\xfe"),
        forge(CLAIMS, []),
        forge(CLAIMS, b'"alg"'),
        forge(CLAIMS, b'{"alg":"HS256"}x'),
        forge(CLAIMS, b'{"alg":"none","alg":"HS256"}'),
        forge(CLAIMS, b'\xef\xbb\xbf{"alg":"HS256"}'),
        forge(CLAIMS, '{"alg":"HS256"}'.encode("utf-16")),
        forge(b"[" * 3000),
        forge(b'{"a":' * 1000 + b"1" + b"}" * 1000),
        forge([CLAIMS]),
        forge(b"null"),
        forge({**CLAIMS, "pad": "x" * 8192}),
    ],
    ids=range(31),
)
def test_what_is_no_token_is_refused(token: str) -> None:
    """Any other text is refused, and nothing but refused."""
    assert refused(BY_SECRET, token).error == "token-invalid"


@pytest.mark.parametrize(
    "twice", [b'"tenant":"a","tenant":"callmeback"', b'"exp":1,"exp":9999999999', b'"sub":"u","sub":"u"']
)
def test_a_claim_that_occurs_twice_is_refused(twice: bytes) -> None:
    """Which of the two another reader believes, nobody knows."""
    rest = b'{"sub":"u","tenant":"t","exp":9999999999,'.replace(twice.split(b":")[0] + b":", b'"other":')

    assert refused(BY_SECRET, forge(rest + twice + b"}")).error == "token-invalid"


@pytest.mark.parametrize("claim", ["sub", "tenant", "role", "jti"])
@pytest.mark.parametrize("value", ["", None, 1, True, 1.5, ["callmeback"], {"a": 1}, "a\0b", "\ud800", "x\udfffy"])
def test_names_are_texts_that_postgresql_can_hold(claim: str, value: object) -> None:
    """A tenant that is a list, a number or half a character is no tenant."""
    assert refused(BY_SECRET, forge({**CLAIMS, claim: value})).error == "token-invalid"


@pytest.mark.parametrize("value", ["a\0b", ["\ud800"], {"deep": {"\udc00": 1}}, [[["\0"]]]])
def test_no_claim_at_all_holds_broken_text(value: object) -> None:
    """Any claim may become a session setting."""
    assert refused(BY_SECRET, forge({**CLAIMS, "extra": value})).error == "token-invalid"


def test_text_outside_the_basic_plane_is_fine() -> None:
    """A surrogate pair is one character."""
    assert BY_SECRET.verify(forge({**CLAIMS, "sub": "\U0001f600é"}), NOW).subject == "\U0001f600é"


@pytest.mark.parametrize("claim", ["exp", "sub", "tenant"])
def test_required_claims_are_required(claim: str) -> None:
    """The refusal names what is missing."""
    refusal = refused(BY_SECRET, forge({k: v for k, v in CLAIMS.items() if k != claim}))

    assert refusal.error == "token-invalid"
    assert claim in (refusal.hint or "")


@pytest.mark.parametrize(
    "value",
    [b'"1763799999"', b"true", b"null", b"NaN", b"Infinity", b"-Infinity", b"1e400", b"1e300", b"-1", b"[1]"]  # noqa: RUF005
    + [b"9" * 400, b"9" * 5000, b"253402300800", b"{}"],
    ids=range(14),
)
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
def test_times_are_finite_numbers(claim: str, value: bytes) -> None:
    """A time that is no number, or that never comes, is refused and crashes nothing."""
    payload = json.dumps({**CLAIMS, claim: "HERE"}).encode().replace(b'"HERE"', value)

    assert refused(BY_SECRET, forge(payload)).error == "token-invalid"


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"exp": NOW - 29.5}, None),
        ({"exp": NOW - 30}, "token-expired"),
        ({"exp": 0}, "token-expired"),
        ({"nbf": NOW + 30}, None),
        ({"nbf": NOW + 31}, "token-invalid"),
        ({"iat": NOW + 30}, None),
        ({"iat": NOW + 31}, "token-invalid"),
        ({"iat": NOW - 10**8}, None),
    ],
)
def test_times_have_a_leeway_of_30_seconds(claims: dict[str, float], error: str | None) -> None:
    """Clocks may differ by half a minute, in both directions."""
    token = forge({**CLAIMS, **claims})

    if error is None:
        assert BY_SECRET.verify(token, NOW)
    else:
        assert refused(BY_SECRET, token).error == error


@pytest.mark.parametrize(
    ("claims", "fine"),
    [
        ({"iss": "me", "aud": "db"}, True),
        ({"iss": "me", "aud": ["x", "db"]}, True),
        ({"iss": "you", "aud": "db"}, False),
        ({"iss": ["me"], "aud": "db"}, False),
        ({"aud": "db"}, False),
        ({"iss": "me"}, False),
        ({"iss": "me", "aud": "dbx"}, False),
        ({"iss": "me", "aud": ["d", "b"]}, False),
        ({"iss": "me", "aud": {"db": 1}}, False),
        ({"iss": "me", "aud": []}, False),
    ],
)
def test_issuer_and_audience_are_checked_when_set(claims: dict[str, Any], fine: bool) -> None:
    """A token of another issuer, or for another audience, is not ours; unset, they are not asked."""
    strict = TokenVerifier(SECRET, expected=Expected(issuer="me", audience="db"))
    token = forge({**CLAIMS, **claims})

    assert BY_SECRET.verify(token, NOW)
    if fine:
        assert strict.verify(token, NOW)
    else:
        assert refused(strict, token).error == "token-invalid"


def test_the_signature_is_checked_before_the_claims() -> None:
    """Who cannot sign learns nothing of how claims are judged."""
    token = forge({"exp": 0}, sign=signed_by(b"another-secret-of-thirty-two-bytes!!"))

    assert "signature" in (refused(BY_SECRET, token).hint or "")


def test_without_secret_and_keys_nothing_gets_in() -> None:
    """A gateway with API keys only refuses every JWT."""
    for algorithm in ("HS256", "RS256", "none"):
        assert refused(TokenVerifier(), forge(CLAIMS, {"alg": algorithm})).error == "token-invalid"


def test_no_key_shows_itself() -> None:
    """A key's `repr` has its name and algorithm, not what it is made of."""
    assert repr(SigningKey("k", "HS256", SECRET)) == "SigningKey(kid='k', algorithm='HS256')"


def test_peeking_reads_without_believing() -> None:
    """Commands may name a token that they cannot check."""
    assert peek_claims(forge(CLAIMS, sign=lambda _: b"nonsense"))["sub"] == "user-1"
