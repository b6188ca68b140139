"""How many: the requests of a tenant that run or wait. Past a bound, waiting longer helps nobody."""

WAITING_PER_CONNECTION = 16


class Queue:
    """Counts the requests that are `inside`, each for as long as its `with` block lasts.

    `limit` is the most there may be: whoever enters looks first whether it is `full`.
    """

    __slots__ = ("inside", "limit")

    def __init__(self, connections: int) -> None:
        self.limit = connections * (1 + WAITING_PER_CONNECTION)
        self.inside = 0

    @property
    def full(self) -> bool:
        """Say whether nobody else may come in now."""
        return self.inside >= self.limit

    def __enter__(self) -> None:
        """Count one in."""
        self.inside += 1

    def __exit__(self, *_: object) -> None:
        """Count one out."""
        self.inside -= 1
