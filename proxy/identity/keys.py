"""API keys: `dbp_<id>_<secret>`, for services that have no JWTs.

Only the SHA-256 of a key is stored; a secret of 256 random bits needs no
slower hash. Hashes are compared in constant time, and a key's state is told
only to whoever has its secret.
"""

import hashlib
import re
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass
from hmac import compare_digest

from proxy.errors import Refusal
from proxy.identity.claims import expired
from proxy.identity.principal import Principal

PREFIX = "dbp_"
_KEY = re.compile(r"dbp_([a-z0-9]{12})_[A-Za-z0-9]{43}", re.ASCII)
_NO_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is stored of a key. Times in seconds since the epoch; `expires_at` None: never."""

    id: str
    hash: bytes
    tenant: str
    role: str
    created_at: float = 0.0
    expires_at: float | None = None
    last_used_at: float | None = None
    revoked_at: float | None = None
    note: str | None = None


def generate_key() -> tuple[str, str]:
    """Return a new key's id and its whole text: 62 bits to find it by, 256 bits of secret."""
    key_id = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))
    secret = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(43))
    return key_id, f"{PREFIX}{key_id}_{secret}"


def parse_key_id(text: str) -> str | None:
    """Return the id in a key's text, or None where it is no key's text."""
    found = _KEY.fullmatch(text)
    return found[1] if found else None


def hash_key(text: str) -> bytes:
    """Return what is stored in a key's place: the SHA-256 of its whole text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class KeyRing:
    """The keys that there are, in memory, and which of them have been used since last asked."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[KeyRecord, Principal]] = {}
        self._used: dict[str, float] = {}

    def replace(self, records: Iterable[KeyRecord]) -> None:
        """Take these keys for all there are, at once."""
        self._keys = {record.id: (record, _principal(record)) for record in records}

    def authenticate(self, text: str, now: float) -> Principal:
        """Return whom the key speaks for, or raise Refusal `token-invalid`, `token-revoked` or `token-expired`."""
        key_id = parse_key_id(text)
        found = self._keys.get(key_id) if key_id is not None else None
        # An unknown key takes the time that a wrong one takes.
        right = compare_digest(found[0].hash if found else _NO_HASH, hash_key(text))
        if found is None or not right:
            raise Refusal("token-invalid", "The API key is not valid.", hint="Check that it was copied whole.")
        record, principal = found
        if record.revoked_at is not None:
            raise Refusal("token-revoked", "The API key has been revoked.", hint="Ask for a new one.")
        if record.expires_at is not None and now >= record.expires_at:
            raise expired()
        self._used[record.id] = now
        return principal

    def take_used(self) -> dict[str, float]:
        """Return when each key was last used since the last call, and forget it."""
        used, self._used = self._used, {}
        return used


def _principal(record: KeyRecord) -> Principal:
    return Principal(
        tenant=record.tenant,
        role=record.role,
        subject=record.id,
        kind="key",
        credential_id=record.id,
        expires_at=record.expires_at,
        claims={"sub": record.id, "tenant": record.tenant, "role": record.role},
    )
