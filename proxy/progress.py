"""What is going on, for whoever waits: a line for each step that takes over a second.

On a terminal the line counts seconds while it waits; in a log it is written
when the step has taken a second, and again when it is done. `./run` uses this
too before anything is installed: the standard library alone.
"""

import sys
import threading
import time
from types import TracebackType
from typing import Self

SHOWN_AFTER_S = 1.0


class Progress:
    """A step with a name, shown on standard error while the `with` block runs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._detail = ""
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._shown = False
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        """Begin to count."""
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say how long it took, if it was shown at all."""
        self._ended.set()
        self._ticker.join()
        if self._shown:
            verb = "failed" if kind else "done"
            self._write(f"{self._name}: {verb} in {time.monotonic() - self._started:.1f} s", last=True)

    def say(self, detail: str) -> None:
        """Set what stands behind the name from now on."""
        self._detail = f" ({detail})"

    def _tick(self) -> None:
        if self._ended.wait(SHOWN_AFTER_S):
            return
        self._shown = True
        if not sys.stderr.isatty():
            self._write(f"{self._name} …", last=True)
            return
        while True:
            self._write(f"{self._name}{self._detail} … {time.monotonic() - self._started:.0f} s")
            if self._ended.wait(SHOWN_AFTER_S):
                return

    def _write(self, text: str, *, last: bool = False) -> None:
        start = "\r\x1b[K" if sys.stderr.isatty() else ""
        end = "\n" if last else ""
        sys.stderr.write(f"{start}{text}{end}")
        sys.stderr.flush()
