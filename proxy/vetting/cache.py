"""Verdicts already reached, kept so that a text is judged once.

The key is the exact text with everything else that a verdict depends on: the
policy's digest, the role, the catalog's version. Never a normalised text or a
parser's tokens: two texts that look alike to a parser need not be alike to
PostgreSQL.
"""

from collections import OrderedDict

from proxy.vetting.verdict import Allowed, Denied, Verdict

DEFAULT_MAX_BYTES = 32 * 1024 * 1024
# The part of the bytes that is for verdicts asked for more than once; a single one may have what is left.
_PROTECTED = 0.8
# At most, as Python stores them.
_BYTES_PER_CHARACTER = 4
# What an entry holds besides its texts: the key, the sets of `Touched`, the dictionary's slot (measured, rounded up).
_OVERHEAD_BYTES = 2_048


# What a verdict depends on: text, policy's digest, role, catalog's version.
Key = tuple[str, str, str, str]


class VerdictCache:
    """A bounded map from key to verdict: a segmented LRU (Karedla, Love and Wherry, 1994).

    A new verdict is on probation; asked for again, it is protected, for as
    long as it is among the `_PROTECTED` of the bytes that were asked for last.
    What is pushed out of there has another time on probation. Where there is
    no room, the verdict longest on probation goes: so texts that come once,
    as those with inlined values do, push out each other and nothing else.

    `max_bytes` bounds the estimated memory, not the number of entries, so
    that many long statements cannot fill the process.
    """

    __slots__ = ("_bytes", "_max_bytes", "_max_protected_bytes", "_probation", "_protected", "_protected_bytes")

    def __init__(self, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._max_protected_bytes = int(max_bytes * _PROTECTED)
        self._bytes = 0
        self._protected_bytes = 0
        # In both, what was asked for last is at the end.
        self._probation: OrderedDict[Key, tuple[Verdict, int]] = OrderedDict()
        self._protected: OrderedDict[Key, tuple[Verdict, int]] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of verdicts held."""
        return len(self._probation) + len(self._protected)

    @property
    def bytes(self) -> int:
        """Return the estimated bytes that they hold."""
        return self._bytes

    def get(self, key: Key) -> Verdict | None:
        """Return the verdict, or None where there is none."""
        entry = self._protected.get(key)
        if entry is not None:
            self._protected.move_to_end(key)
            return entry[0]
        entry = self._probation.pop(key, None)
        if entry is None:
            return None
        self._protect(key, entry)
        return entry[0]

    def put(self, key: Key, verdict: Verdict) -> None:
        """Keep a verdict, and let go of as many as it needs room."""
        size = _size_of(verdict) + _BYTES_PER_CHARACTER * len(key[0])
        if size > self._max_bytes - self._max_protected_bytes:
            return
        self._remove(key)
        self._probation[key] = (verdict, size)
        self._bytes += size
        while self._bytes > self._max_bytes:
            _, (_, freed) = self._probation.popitem(last=False)
            self._bytes -= freed

    def _protect(self, key: Key, entry: tuple[Verdict, int]) -> None:
        self._protected[key] = entry
        self._protected_bytes += entry[1]
        while self._protected_bytes > self._max_protected_bytes:
            pushed_out, again = self._protected.popitem(last=False)
            self._protected_bytes -= again[1]
            self._probation[pushed_out] = again

    def _remove(self, key: Key) -> None:
        if key in self._protected:
            self._protected_bytes -= self._protected[key][1]
            self._bytes -= self._protected.pop(key)[1]
        elif key in self._probation:
            self._bytes -= self._probation.pop(key)[1]


def _size_of(verdict: Verdict) -> int:
    """Estimate the bytes that an entry holds."""
    match verdict:
        case Allowed(sql=sql, observed=observed):
            return _OVERHEAD_BYTES + _BYTES_PER_CHARACTER * len(sql) + (_size_of(observed) if observed else 0)
        case Denied(message=message, detail=detail, hint=hint):
            return _OVERHEAD_BYTES + _BYTES_PER_CHARACTER * (len(message) + len(detail or "") + len(hint or ""))
