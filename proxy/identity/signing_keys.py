"""The keys that tokens are checked with, each bound to one algorithm when it is read.

Which algorithm checks a token follows from the key, never from the token:
RSA keys mean RS256, P-256 keys ES256, Ed25519 keys EdDSA, the secret HS256.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import Algorithm, ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from proxy.identity.strict_json import parse_object

LEAST_RSA_BITS = 2048  # RFC 7518 §3.3
LARGEST_RSA_BITS = 8192  # checking a signature takes time that grows with the key
MOST_KEYS = 100

_ALGORITHMS: dict[str, Algorithm] = {
    "HS256": HMACAlgorithm(HMACAlgorithm.SHA256),
    "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
    "ES256": ECAlgorithm(ECAlgorithm.SHA256, SECP256R1),
    "EdDSA": OKPAlgorithm(),
}
# What a JWKS entry may say of its algorithm, by what we would use it for. RFC 9864 renamed EdDSA.
_NAMED = {"RS256": ("RS256",), "ES256": ("ES256",), "EdDSA": ("EdDSA", "Ed25519")}
_KINDS = {"RSA ": "RS256", "EC P-256": "ES256", "OKP Ed25519": "EdDSA"}


class KeyInvalid(ValueError):  # noqa: N818 - the domain's word
    """A file or document of keys cannot be used; the message says why and shows none of it."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that checks signatures by its own algorithm. `kid` is the name that a token's header asks for."""

    kid: str | None
    algorithm: str
    material: Any = field(repr=False)

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """Say whether the signature over these bytes is this key's."""
        return bool(_ALGORITHMS[self.algorithm].verify(signed, self.material, signature))


def secret_key(secret: bytes) -> SigningKey:
    """Make the key of HS256 tokens. KeyInvalid where the secret is a key of another kind (a PEM, a JWK)."""
    try:
        return SigningKey(None, "HS256", _ALGORITHMS["HS256"].prepare_key(secret))
    except InvalidKeyError:
        raise KeyInvalid("the secret is a public key or certificate, which anyone may know") from None


def parse_pem(data: bytes, kid: str) -> SigningKey:
    """Make a key from a PEM file with one public key in it; KeyInvalid says what else it holds."""
    labels = re.findall(rb"-----BEGIN ([A-Z0-9 ]+)-----", data)
    if any(b"PRIVATE" in label for label in labels):
        raise KeyInvalid("holds a private key; the gateway needs only the public one: openssl pkey -pubout")
    if len(labels) != 1:
        raise KeyInvalid(f"holds {len(labels)} keys, not 1; use a folder with a file for each")
    if labels[0] == b"CERTIFICATE":
        raise KeyInvalid("holds a certificate; extract its key: openssl x509 -pubkey -noout")
    try:
        material = load_pem_public_key(data)
    except Exception as exc:  # cryptography raises several kinds, some of them of its backend
        raise KeyInvalid("is no public key in PEM") from exc
    return SigningKey(kid, _algorithm_of(material), material)


def parse_jwks(data: bytes) -> tuple[SigningKey, ...]:
    """Make keys from a JSON Web Key Set (RFC 7517 §5); KeyInvalid if it has none that can be used.

    Entries for other purposes and of other kinds are passed over, as the RFC
    asks; a private key among them is a fault, since this document is public.
    """
    try:
        entries = parse_object(data)["keys"]
    except (ValueError, KeyError):
        raise KeyInvalid("is no JSON Web Key Set: an object with `keys`") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise KeyInvalid("is no JSON Web Key Set: `keys` is no list of objects")
    if len(entries) > MOST_KEYS:
        raise KeyInvalid(f"holds more than {MOST_KEYS} keys")
    return unique(tuple(key for entry in entries if (key := _parse_jwk(entry)) is not None))


def unique(keys: tuple[SigningKey, ...]) -> tuple[SigningKey, ...]:
    """Return the keys, or raise KeyInvalid if there are none, or two of one name."""
    names = [key.kid for key in keys]
    if not keys:
        raise KeyInvalid("holds no key for RS256, ES256 or EdDSA")
    if len(set(names)) != len(names):
        raise KeyInvalid("holds two keys of one kid, or two without any")
    return keys


def _parse_jwk(entry: dict[str, Any]) -> SigningKey | None:
    algorithm = _KINDS.get(f"{entry.get('kty')} {entry.get('crv', '')}")
    if "d" in entry or entry.get("kty") == "oct":
        raise KeyInvalid("holds a private or secret key; publish only public ones, and replace that one")
    if algorithm is None or entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) not in _NAMED[algorithm]:
        return None
    kid = entry.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise KeyInvalid("holds a key whose kid is no string")
    readers = {"RS256": RSAAlgorithm.from_jwk, "ES256": ECAlgorithm.from_jwk, "EdDSA": OKPAlgorithm.from_jwk}
    try:
        material: Any = readers[algorithm](entry)
    except Exception as exc:
        raise KeyInvalid(f"holds a key that cannot be read, kid {kid!r}") from exc
    return SigningKey(kid, _algorithm_of(material), material)


def _algorithm_of(material: Any) -> str:
    match material:
        case RSAPublicKey():
            if not LEAST_RSA_BITS <= material.key_size <= LARGEST_RSA_BITS:
                raise KeyInvalid(f"is an RSA key of {material.key_size} bits; {LEAST_RSA_BITS} is the least")
            return "RS256"
        case EllipticCurvePublicKey() if isinstance(material.curve, SECP256R1):
            return "ES256"
        case Ed25519PublicKey():
            return "EdDSA"
        case _:
            raise KeyInvalid("is a key of another kind than RSA, P-256 and Ed25519")
