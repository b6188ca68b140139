"""What holds for a while: a bounded map whose entries all last equally long."""

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Expiring(Generic[K, V]):
    """A map that forgets an entry `for_s` seconds after it was put, and the oldest one where it is full.

    `now_s` is any clock that never goes back.
    """

    __slots__ = ("_entries", "_for_s", "_limit")

    def __init__(self, for_s: float, limit: int = 1_024) -> None:
        self._for_s = for_s
        self._limit = limit
        # In the order in which they were put, which is the order in which they expire.
        self._entries: dict[K, tuple[float, V]] = {}

    def put(self, key: K, value: V, now_s: float) -> None:
        """Keep a value from now on."""
        self._entries.pop(key, None)
        while len(self._entries) >= self._limit:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (now_s + self._for_s, value)

    def get(self, key: K, now_s: float) -> V | None:
        """Return the value; None where there is none (any more)."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        until_s, value = entry
        if until_s <= now_s:
            del self._entries[key]
            return None
        return value
