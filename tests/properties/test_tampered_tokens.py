"""For every token and every change to it: the changed token never authenticates."""

import functools
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import assume, example, given
from hypothesis import strategies as st

from proxy.errors import Refusal
from proxy.identity.keys import KeyRecord, KeyRing, generate_key, hash_key
from proxy.identity.signing_keys import SigningKey, secret_key
from proxy.identity.tokens import TokenVerifier

NOW = 1_763_700_000.0
SECRET = b"correct-horse-battery-staple-0123456789"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@functools.cache
def issuer(algorithm: str) -> tuple[Any, TokenVerifier]:
    """Return a signing key, and a verifier that knows its public half."""
    if algorithm == "HS256":
        return SECRET, TokenVerifier(SECRET)
    private: Any = {
        "RS256": lambda: rsa.generate_private_key(65_537, 2048),
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }[algorithm]()
    return private, TokenVerifier(keys=(SigningKey(None, algorithm, private.public_key()),))


@functools.cache
def token(algorithm: str) -> str:
    """Return a good token."""
    claims = {"sub": "u", "tenant": "callmeback", "role": "persona-manager", "exp": int(NOW) + 60, "jti": "j"}
    return jwt.encode(claims, issuer(algorithm)[0], algorithm)


algorithms = st.sampled_from(["HS256", "RS256", "ES256", "EdDSA"])


@st.composite
def tampered(draw: st.DrawFn) -> tuple[str, str]:
    """Draw an algorithm, and a token of it in which something was replaced, inserted or cut."""
    algorithm = draw(algorithms)
    whole = token(algorithm)
    start = draw(st.integers(0, len(whole)))
    end = draw(st.integers(start, min(len(whole), start + draw(st.sampled_from([0, 1, 2, 50, 1000])))))
    new = draw(st.text(ALPHABET + ".=", max_size=8) | st.text(max_size=4))
    changed = whole[:start] + new + whole[end:]
    assume(changed != whole)
    return algorithm, changed


@given(tampered())
@example(("HS256", token("HS256")[:-1] + ALPHABET[ALPHABET.index(token("HS256")[-1]) ^ 1])).via("unused bits")
@example(("HS256", token("HS256") + "=")).via("padding")
def test_a_tampered_token_never_authenticates(case: tuple[str, str]) -> None:
    """Whatever was changed, it is refused, and nothing else happens."""
    algorithm, changed = case

    with pytest.raises(Refusal) as caught:
        issuer(algorithm)[1].verify(changed, NOW)
    assert caught.value.error == "token-invalid"


@given(algorithms, algorithms)
def test_one_issuers_token_is_no_others(mine: str, theirs: str) -> None:
    """A good token authenticates with its own key and with no other."""
    verifier = issuer(theirs)[1]

    if mine == theirs:
        assert verifier.verify(token(mine), NOW).tenant == "callmeback"
    else:
        with pytest.raises(Refusal):
            verifier.verify(token(mine), NOW)


@given(st.text() | st.text(ALPHABET + "."))
def test_any_text_is_refused_and_nothing_else(text: str) -> None:
    """No text raises anything but a refusal."""
    with pytest.raises(Refusal):
        TokenVerifier(SECRET).verify(text, NOW)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_claim_is_believed_or_refused(value: Any) -> None:
    """A well-signed token with any value anywhere makes a principal of texts, or a refusal."""
    for claim in ("sub", "tenant", "role", "jti", "exp", "nbf", "iat", "more"):
        claims = {"sub": "u", "tenant": "t", "exp": NOW + 60, claim: value}
        try:
            encoded = jwt.api_jws.encode(json.dumps(claims).encode(), SECRET, "HS256")
            principal = TokenVerifier(SECRET).verify(encoded, NOW)
        except Refusal:
            continue
        assert principal.tenant.encode()
        assert principal.subject.encode()
        assert principal.expires_at is not None
        assert principal.expires_at > NOW - 30


@given(st.data())
def test_a_tampered_key_never_authenticates(data: st.DataObject) -> None:
    """A key with any character changed is no key."""
    key_id, key = generate_key()
    ring = KeyRing()
    ring.replace([KeyRecord(key_id, hash_key(key), "t", "r")])
    at = data.draw(st.integers(0, len(key) - 1))
    changed = key[:at] + data.draw(st.text(max_size=2)) + key[at + data.draw(st.integers(0, 2)) :]
    assume(changed != key)

    with pytest.raises(Refusal):
        ring.authenticate(changed, NOW)


def test_the_secret_key_checks_its_own_signature() -> None:
    """The tests above would hold of a verifier that refuses everything: this one would not."""
    for algorithm in ("HS256", "RS256", "ES256", "EdDSA"):
        assert issuer(algorithm)[1].verify(token(algorithm), NOW).subject == "u"
    assert secret_key(SECRET).algorithm == "HS256"
