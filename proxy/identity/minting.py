"""Tokens made: for the demo, for tests, and for those who have no issuer of their own."""

import secrets
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from proxy.identity.signing_keys import LEAST_RSA_BITS, KeyInvalid


def new_claims(
    tenant: str, role: str, now: float, ttl_s: float, more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the claims of a token that holds from `now` for `ttl_s` seconds; it can be revoked by its `jti`.

    `more` adds claims or takes the place of these: without a `sub` in it, the tenant speaks for itself.
    """
    return {
        "sub": tenant,
        "tenant": tenant,
        "role": role,
        "iat": int(now),
        "exp": int(now + ttl_s),
        "jti": secrets.token_hex(16),
        **(more or {}),
    }


def mint_token(claims: Mapping[str, Any], secret: bytes) -> str:
    """Sign claims with the gateway's own secret (HS256)."""
    return jwt.encode(dict(claims), secret, "HS256")


class PrivateKey:
    """An issuer's private key from a PEM file, not encrypted; KeyInvalid where it is none that the gateway can check.

    `algorithm` follows from the key: RS256, ES256 or EdDSA.
    """

    def __init__(self, pem: bytes) -> None:
        try:
            material = load_pem_private_key(pem, password=None)
        except Exception:  # noqa: BLE001 - cryptography raises several kinds, some of them of its backend
            raise KeyInvalid("is no private key in PEM without a passphrase") from None
        match material:
            case RSAPrivateKey() if material.key_size >= LEAST_RSA_BITS:
                self.algorithm = "RS256"
            case EllipticCurvePrivateKey() if isinstance(material.curve, SECP256R1):
                self.algorithm = "ES256"
            case Ed25519PrivateKey():
                self.algorithm = "EdDSA"
            case _:
                raise KeyInvalid(f"is no RSA key of {LEAST_RSA_BITS} bits or more, P-256 key or Ed25519 key")
        self._material = material

    def sign(self, claims: Mapping[str, Any], kid: str) -> str:
        """Sign claims; `kid` is the name under which the gateway knows the public key."""
        return jwt.encode(dict(claims), self._material, self.algorithm, headers={"kid": kid})
