"""Whose turn it is: a waiting line for each name, and the lines are served in turn, one item each.

However long one line is, the first of another waits for one item of it at most.
"""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Lines of at most `limit` items each. `add`, `remove` and `next` do not wait."""

    __slots__ = ("_limit", "_lines")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # The line that is next comes first; a line without items is not there.
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()

    def add(self, name: str, item: T) -> bool:
        """Put an item at the end of a line and return True, or return False where the line is full."""
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = deque()
        if len(line) >= self._limit:
            return False
        line.append(item)
        return True

    def remove(self, name: str, item: T) -> None:
        """Take an item out of its line, wherever it stands; one that has had its turn is not there any more."""
        line = self._lines.get(name)
        if line is not None and item in line:
            line.remove(item)
            if not line:
                del self._lines[name]

    def next(self) -> tuple[str, T] | None:
        """Take the first item of the line whose turn it is, with its name. None: nobody waits."""
        if not self._lines:
            return None
        name, line = self._lines.popitem(last=False)
        item = line.popleft()
        if line:
            self._lines[name] = line
        return name, item
