"""Signing keys: what of a PEM file or a key set can be used, and what must not be."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from proxy.identity.signing_keys import KeyInvalid, parse_jwks, parse_pem, secret_key

EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
SMALL_RSA = rsa.generate_private_key(65_537, 1024)  # noqa: S505 - too small is the point


def public_pem(private: Any) -> bytes:
    """Return the public key as PEM."""
    pem: bytes = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def jwk(private: Any, **more: object) -> dict[str, Any]:
    """Return the public key as a JWKS entry."""
    kinds = ((ec.EllipticCurvePrivateKey, ECAlgorithm), (rsa.RSAPrivateKey, RSAAlgorithm), (object, OKPAlgorithm))
    algorithm = next(algorithm for kind, algorithm in kinds if isinstance(private, kind))
    return {**algorithm.to_jwk(private.public_key(), as_dict=True), **more}


def key_set(*entries: object) -> bytes:
    """Return a JWKS document."""
    return json.dumps({"keys": entries}).encode()


def test_a_pem_file_is_a_key_bound_to_its_algorithm() -> None:
    """The kind of key says which algorithm it checks."""
    assert parse_pem(public_pem(EC), "a").algorithm == "ES256"
    assert parse_pem(public_pem(ED), "a").algorithm == "EdDSA"
    assert parse_pem(b"a note\n" + public_pem(EC), "a").kid == "a"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "holds 0 keys"),
        (public_pem(EC) + public_pem(ED), "holds 2 keys"),
        (EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "private key"),
        (EC.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()), "private key"),
        (b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", "certificate"),
        (b"-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----", "no public key in PEM"),
        (public_pem(SMALL_RSA), "1024 bits"),
        (public_pem(ec.generate_private_key(ec.SECP384R1())), "another kind"),
        (public_pem(ed448.Ed448PrivateKey.generate()), "another kind"),
    ],
    ids=range(9),
)
def test_a_pem_file_that_cannot_be_used_says_why(data: bytes, told: str) -> None:
    """The message tells what is there, and shows none of it."""
    with pytest.raises(KeyInvalid, match=told) as caught:
        parse_pem(data, "a")
    assert "BEGIN" not in str(caught.value)


def test_a_key_set_gives_its_keys() -> None:
    """Entries of other kinds and purposes are passed over."""
    entries = [
        jwk(EC, kid="ec", alg="ES256", use="sig"),
        jwk(ED, kid="ed", alg="Ed25519"),
        jwk(EC, kid="for-encryption", use="enc"),
        jwk(EC, kid="other-algorithm", alg="ECDH-ES"),
        {"kty": "AKP", "kid": "of-the-future", "alg": "ML-DSA-44", "pub": "AAAA"},
        {"kty": ["EC"], "kid": "odd"},
        {},
    ]

    keys = parse_jwks(key_set(*entries))

    assert [(key.kid, key.algorithm) for key in keys] == [("ec", "ES256"), ("ed", "EdDSA")]
    assert keys[0].verifies(b"data", ECAlgorithm(ECAlgorithm.SHA256).sign(b"data", EC))
    assert not keys[0].verifies(b"date", ECAlgorithm(ECAlgorithm.SHA256).sign(b"data", EC))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no JSON Web Key Set"),
        (b"[]", "no JSON Web Key Set"),
        (b"{}", "no JSON Web Key Set"),
        (b'{"keys": {}}', "no list"),
        (b'{"keys": [1]}', "no list"),
        (b'{"keys": [], "keys": []}', "no JSON Web Key Set"),
        (key_set(), "no key for"),
        (key_set(*[{}] * 101), "more than 100"),
        (key_set(jwk(EC, kid="a"), jwk(ED, kid="a")), "two keys of one kid"),
        (key_set(jwk(EC, kid=1)), "kid is no string"),
        (key_set(jwk(SMALL_RSA)), "1024 bits"),
        (key_set({"kty": "EC", "crv": "P-256", "kid": "k", "x": "AA", "y": 1}), "cannot be read, kid 'k'"),
        (key_set({"kty": "oct", "k": base64.b64encode(b"x" * 32).decode()}), "secret key"),
        (key_set(ECAlgorithm.to_jwk(EC, as_dict=True)), "private or secret"),
    ],
    ids=range(14),
)
def test_a_key_set_that_cannot_be_used_says_why(data: bytes, told: str) -> None:
    """Nothing is guessed, and a private key in a public document is told."""
    with pytest.raises(KeyInvalid, match=told):
        parse_jwks(data)


def test_a_secret_is_no_key_of_another_kind() -> None:
    """A public key, in PEM or as a JWK, is no HMAC secret."""
    for public in (public_pem(EC), json.dumps(jwk(EC)).encode()):
        with pytest.raises(KeyInvalid):
            secret_key(public)
    assert secret_key(b"x" * 32).algorithm == "HS256"
