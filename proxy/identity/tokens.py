"""JSON Web Tokens (RFC 7519): a token becomes a principal here or is refused.

Three rules hold. The signature is checked before a claim is read. The key
decides the algorithm, and only configured keys are keys: `jwk`, `jku`, `x5c`
and `x5u` of a header are not looked at. What has two readings has none: a
duplicate name, a lenient base64, an extension (`crit`) that is not understood.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NamedTuple

from proxy.errors import Refusal
from proxy.identity.claims import Expected, believe, invalid
from proxy.identity.principal import Principal
from proxy.identity.signing_keys import SigningKey, secret_key
from proxy.identity.strict_json import parse_object

LARGEST_TOKEN_BYTES = 8192

_SEGMENTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
# RFC 7519 §5.1, RFC 9068 §2.1: a JWT, or an access token in one; compared without case (RFC 7515 §4.1.9).
_TYPES = {"jwt", "at+jwt"}


class UnknownSigningKey(Refusal):
    """A token asks for a key that is not known: perhaps a new one, worth looking for once."""


class _Signed(NamedTuple):
    """A token taken apart, none of it believed yet."""

    header: dict[str, Any]
    payload: bytes
    signed: bytes
    signature: bytes


class TokenVerifier:
    """Checks tokens by a secret (HS256), by public keys, or both. Values only: new keys are a new verifier."""

    def __init__(
        self, secret: bytes | None = None, keys: tuple[SigningKey, ...] = (), expected: Expected | None = None
    ) -> None:
        self._secret = None if secret is None else secret_key(secret)
        self._keys = keys
        self._by_kid = {key.kid: key for key in keys if key.kid is not None}
        self.expected = expected or Expected()

    def verify(self, token: str, now: float) -> Principal:
        """Return whom the token speaks for; `now` is seconds since the epoch.

        Raises Refusal `token-invalid` or `token-expired`; UnknownSigningKey
        where another set of keys could say otherwise. Nothing of the token is
        in it.
        """
        parts = _take_apart(token)
        key = self._key_for(parts.header)
        if not key.verifies(parts.signed, parts.signature):
            raise invalid("Its signature does not match.")
        return believe(_parse(parts.payload), self.expected, now)

    def _key_for(self, header: dict[str, Any]) -> SigningKey:
        """Return the one key that may check a token with this header."""
        algorithm, kid = header.get("alg"), header.get("kid")
        if kid is not None and not isinstance(kid, str):
            raise invalid("Its header's `kid` is no string.")
        key = self._by_kid.get(kid) if kid is not None else None
        if key is None and algorithm == "HS256" and self._secret is not None:
            # One secret has no name, so whatever an issuer calls it is of no concern.
            return self._secret
        if key is None and kid is None:
            key = self._unnamed(algorithm)
        if key is None and algorithm in ("RS256", "ES256", "EdDSA"):
            raise UnknownSigningKey("token-invalid", "The token is not valid.", hint="No key is known for its `kid`.")
        if key is None or key.algorithm != algorithm:
            raise invalid("Its algorithm is not one that this gateway accepts for its key.")
        return key

    def _unnamed(self, algorithm: object) -> SigningKey | None:
        """Return the key of a token that names none: only where there is no choice."""
        fitting = [key for key in self._keys if key.algorithm == algorithm]
        return fitting[0] if len(fitting) == 1 else None


def peek_claims(token: str) -> dict[str, Any]:
    """Return what a token claims without believing it: for commands that name a token, never to let one in."""
    return _parse(_take_apart(token).payload)


def _take_apart(token: str) -> _Signed:
    if len(token) > LARGEST_TOKEN_BYTES:
        raise invalid(f"It is longer than {LARGEST_TOKEN_BYTES} bytes.")
    found = _SEGMENTS.fullmatch(token)
    if found is None:
        raise invalid("It is no JWT: three parts of base64url with dots between.")
    header = _parse(_decode(found[1]))
    # RFC 7515 §4.1.11: what is critical and not understood is refused; we understand no extension.
    if "crit" in header or "b64" in header:
        raise invalid("Its header asks for an extension that this gateway does not know.")
    type_ = header.get("typ", "JWT")
    if not isinstance(type_, str) or type_.lower().removeprefix("application/") not in _TYPES:
        raise invalid("Its header's `typ` is not that of a JWT.")
    return _Signed(header, _decode(found[2]), token[: found.end(2)].encode("ascii"), _decode(found[3]))


def _decode(segment: str) -> bytes:
    """Decode base64url without padding (RFC 7515 §2), in its one canonical spelling."""
    padded = segment.encode("ascii") + b"=" * (-len(segment) % 4)
    try:
        decoded = urlsafe_b64decode(padded)
    except ValueError:
        raise invalid("A part of it is no base64url.") from None
    if urlsafe_b64encode(decoded) != padded:
        raise invalid("A part of it is no base64url.")
    return decoded


def _parse(data: bytes) -> dict[str, Any]:
    try:
        return parse_object(data)
    except ValueError:
        raise invalid("A part of it is no JSON object, or names a thing twice.") from None
