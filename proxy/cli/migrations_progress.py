"""How a run goes, told as it goes: a line a migration, with the time that it takes."""

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

from proxy.cli.migrations_report import Output, brief, duration, files
from proxy.migrations.failure import MigrationFailed
from proxy.migrations.files import Migration
from proxy.migrations.patience import Busy
from proxy.migrations.turn import Session

_TICK_S: Final = 1.0


class Progress:
    """Tells of one database's run; on a terminal the time of the file at work counts up."""

    def __init__(self, output: Output, database: str) -> None:
        self._output: Final = output
        self._database: Final = database
        self._started: Final = time.monotonic()
        self._line = ""
        self._line_started = 0.0
        self._ended: Final = threading.Event()
        self._ticker: Final = threading.Thread(target=self._tick, daemon=True)
        self.done: Final[list[dict[str, Any]]] = []

    def __enter__(self) -> Self:
        """Begin to count."""
        self._output.say(f"{self._database}:")
        if self._output.stream.isatty():
            self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop counting, and end the line of a file that has not come to its end."""
        self._ended.set()
        if self._ticker.is_alive():
            self._ticker.join()
        if self._line:
            half = isinstance(error, MigrationFailed) and error.applied == "part"
            self._output.say("stopped half-way" if half else "not applied")

    def waiting(self, holder: Session | None) -> None:
        """Say for whom we wait."""
        whose = f": {holder}" if holder else ""
        self._output.say(f"  another run is under way here{whose}; waiting for its end …")

    def starting(self, migration: Migration) -> None:
        """Name the file that runs now."""
        self._line_started = time.monotonic()
        self._line = f"  {migration.version:03d} {migration.name} … "
        self._output.say(self._line, end="")

    def retrying(self, failure: Busy, in_the_way: Sequence[Session], pause_s: float) -> None:
        """Say that another session was in the way, who it may be, and when it is tried again."""
        line, self._line = self._line, ""
        place = f" (line {failure.line})" if isinstance(failure, MigrationFailed) else ""
        self._output.say(f"{failure}{place}; trying again in {pause_s:g} s")
        for session in in_the_way:
            self._output.say(f"      holds locks on tables: {session}")
        self._output.say(line, end="")
        self._line = line

    def applied(self, migration: Migration, duration_ms: int) -> None:
        """Say that the file that was named is committed."""
        self._line = ""
        self._output.say(f"applied in {duration(duration_ms)}")
        self.done.append({**brief(migration), "duration_ms": duration_ms})

    def finished(self) -> None:
        """Sum up."""
        elapsed = duration(round((time.monotonic() - self._started) * 1000))
        count = len(self.done)
        self._output.say(f"  {files(count)} applied in {elapsed}" if count else "  nothing is pending")

    def _tick(self) -> None:
        while not self._ended.wait(_TICK_S):
            line = self._line
            if line:
                self._output.say(f"\r{line}{time.monotonic() - self._line_started:.0f} s … ", end="")
