"""How many: the requests of a tenant that run or wait. Past a bound, waiting longer helps nobody."""

WAITING_PER_CONNECTION = 16


class Queue:
    """Counts the requests that are inside; `enter` says whether one more may come in."""

    __slots__ = ("_inside", "_limit")

    def __init__(self, connections: int) -> None:
        self._limit = connections * (1 + WAITING_PER_CONNECTION)
        self._inside = 0

    def enter(self) -> bool:
        """Count one in and return True, or return False where it is full. Who enters leaves, whatever happens."""
        if self._inside >= self._limit:
            return False
        self._inside += 1
        return True

    def leave(self) -> None:
        """Count one out."""
        self._inside -= 1
