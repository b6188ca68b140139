"""Verdicts already reached, kept so that a text is judged once.

The key is the SHA-256 of the exact text with everything else that a verdict
depends on: the policy's digest, the role, the catalog's version. Never a
normalised text or a parser's tokens: two texts that look alike to a parser
need not be alike to PostgreSQL.
"""

from collections import OrderedDict
from hashlib import sha256
from typing import NamedTuple

from proxy.vetting.verdict import Allowed, Denied, Verdict

DEFAULT_MAX_BYTES = 32 * 1024 * 1024
# What an entry holds besides its texts: the key, the sets of `Touched`, the dictionary's slot (measured, rounded up).
_OVERHEAD_BYTES = 2_048


class Key(NamedTuple):
    """What a verdict depends on."""

    text: bytes
    policy: str
    role: str
    catalog: str


def key_of(sql: str, policy_digest: str, role: str, catalog_version: str) -> Key:
    """Make the key of a text under a policy, for a role, against a catalog."""
    # `surrogatepass`: a text with lone surrogates has a key (and a denial) like any other.
    return Key(sha256(sql.encode("utf-8", "surrogatepass")).digest(), policy_digest, role, catalog_version)


class VerdictCache:
    """A bounded map from key to verdict; what was not asked for longest goes first.

    `max_bytes` bounds the estimated memory, not the number of entries, so
    that many long statements cannot fill the process.
    """

    def __init__(self, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[Key, tuple[Verdict, int]] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of verdicts held."""
        return len(self._entries)

    def get(self, key: Key) -> Verdict | None:
        """Return the verdict, or None where there is none."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: Key, verdict: Verdict) -> None:
        """Keep a verdict, and let go of as many old ones as it needs room."""
        size = _size_of(verdict)
        if size > self._max_bytes:
            return
        replaced = self._entries.pop(key, None)
        self._bytes += size - (replaced[1] if replaced else 0)
        self._entries[key] = (verdict, size)
        while self._bytes > self._max_bytes:
            _, (_, freed) = self._entries.popitem(last=False)
            self._bytes -= freed


def _size_of(verdict: Verdict) -> int:
    """Estimate the bytes that an entry holds."""
    match verdict:
        case Allowed(sql=sql, observed=observed):
            # Up to four bytes a character, as Python stores them.
            return _OVERHEAD_BYTES + 4 * len(sql) + (_size_of(observed) if observed else 0)
        case Denied(message=message, detail=detail, hint=hint):
            return _OVERHEAD_BYTES + 4 * (len(message) + len(detail or "") + len(hint or ""))
