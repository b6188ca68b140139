"""Who is asking: one question for tokens and keys, answered in about two microseconds the second time.

A token's signature is checked once; afterwards it is known by its SHA-256, so
that no token stays in memory. Expiry and revocation are asked on every call.
"""

import hashlib
from collections import OrderedDict

from proxy.errors import Refusal
from proxy.identity.claims import expired, invalid
from proxy.identity.keys import PREFIX, KeyRing
from proxy.identity.principal import Principal
from proxy.identity.revocations import Revocations
from proxy.identity.tokens import LARGEST_TOKEN_BYTES, TokenVerifier

# A principal's claims take about six times their token's length as Python values.
_ENTRY_BYTES = 600
_BYTES_PER_CHARACTER = 6


def digest_of(token: str) -> bytes:
    """Return the SHA-256 of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Authenticator:
    """Tells whom a token or key speaks for. Keep one for each worker process; it is not for threads."""

    def __init__(
        self,
        verifier: TokenVerifier,
        keys: KeyRing,
        revocations: Revocations,
        *,
        max_tokens: int = 20_000,
        max_bytes: int = 32 * 1024 * 1024,
    ) -> None:
        self._verifier = verifier
        self._keys = keys
        self._revocations = revocations
        self._max_tokens = max_tokens
        self._max_bytes = max_bytes
        self._known: OrderedDict[bytes, tuple[Principal, float, int]] = OrderedDict()
        self._bytes = 0

    def authenticate(self, token: str, now: float, digest: bytes | None = None) -> Principal:
        """Return the principal, or raise Refusal with a `token-…` slug; `now` is seconds since the epoch.

        `digest` is what `digest_of` says of the token, where that is known.

        `database-unavailable` until revocations are loaded. UnknownSigningKey
        where looking for new keys may help.
        """
        if not self._revocations.loaded:
            self._revocations.check_loaded()
        if digest is None:
            digest = digest_of(token)
        known = self._known.get(digest)
        if known is None:
            if token.startswith(PREFIX):
                return self._keys.authenticate(token, now)
            if len(token) > LARGEST_TOKEN_BYTES:
                raise invalid(f"It is longer than {LARGEST_TOKEN_BYTES} bytes.")
            principal = self._verifier.verify(token, now)
            self._remember(digest, principal, len(token))
        else:
            principal, ends_at, _ = known
            if now >= ends_at:
                self._forget(digest)
                raise expired()
            self._known.move_to_end(digest)
        if principal.credential_id is not None and principal.credential_id in self._revocations:
            raise Refusal("token-revoked", "The token has been revoked.", hint="Get a new one.")
        return principal

    def replace_verifier(self, verifier: TokenVerifier) -> None:
        """Check tokens with other keys from now on; what the old ones said is forgotten."""
        self._verifier = verifier
        self._known.clear()
        self._bytes = 0

    def _remember(self, digest: bytes, principal: Principal, length: int) -> None:
        size = _ENTRY_BYTES + _BYTES_PER_CHARACTER * length
        ends_at = (principal.expires_at or 0.0) + self._verifier.expected.leeway_s
        self._known[digest] = (principal, ends_at, size)
        self._bytes += size
        while self._bytes > self._max_bytes or len(self._known) > self._max_tokens:
            self._forget(next(iter(self._known)))

    def _forget(self, digest: bytes) -> None:
        self._bytes -= self._known.pop(digest)[2]
