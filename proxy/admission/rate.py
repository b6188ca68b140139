"""How often: a bucket that fills at a steady rate, and each request takes one from."""


class Rate:
    """A token bucket: `per_s` on average, `burst` at once. It starts full."""

    __slots__ = ("_at_s", "_burst", "_left", "_per_s")

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = max(1.0, burst)
        self._left = self._burst
        self._at_s: float | None = None

    def take(self, now_s: float) -> float:
        """Take one and return 0, or take none and return the seconds until there is one.

        `now_s` is any clock that never goes back.
        """
        if self._at_s is not None:
            self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left >= 1.0:
            self._left -= 1.0
            return 0.0
        return (1.0 - self._left) / self._per_s

    def give_back(self) -> None:
        """Put back what was taken for nothing."""
        self._left += 1.0
