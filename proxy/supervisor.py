"""Several worker processes: started, watched, and started again where one dies.

The parent does nothing else. It holds one end of a pipe; a worker whose end
closes has lost its parent and stops, so that no process is left behind.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from prometheus_client import multiprocess

from proxy.telemetry import events, lines

Work = Callable[[int], None]

# A worker that lives shorter than this failed to start; the next one is not started at once.
SHORT_LIFE_S = 1.0


class Supervisor:
    """Keeps `count` processes at `work`, which is called with a descriptor that closes when the parent goes."""

    def __init__(self, count: int, work: Work) -> None:
        self._count = count
        self._work = work
        self._started_at: dict[int, float] = {}
        self._stopping = False
        self._reading, self._writing = os.pipe()

    def run(self) -> int:
        """Work until SIGTERM or SIGINT, or until no worker can be started; return the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._pass_on)
        for _ in range(self._count):
            self._start()
        status = 0
        while self._started_at:
            pid, wait_status = os.wait()
            started_at = self._started_at.pop(pid, None)
            if started_at is None:
                continue
            multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
            if not self._stopping:
                status = os.waitstatus_to_exitcode(wait_status)
                events.worker_exited(pid, status)
                self._replace(started_at)
        return 0 if self._stopping else status or 1

    def _replace(self, started_at: float) -> None:
        if time.monotonic() - started_at < SHORT_LIFE_S:
            time.sleep(SHORT_LIFE_S)
        if not self._stopping:
            self._start()

    def _start(self) -> None:
        lines.flush()
        pid = os.fork()
        if pid:
            self._started_at[pid] = time.monotonic()
            return
        # The child: nothing of the parent's may run in it, not even its `finally` blocks.
        status = 1
        try:
            os.close(self._writing)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            self._work(self._reading)
            status = 0
        except BaseException as exc:  # noqa: BLE001 - told, and then the process ends
            events.internal_error(exc, "")
        finally:
            lines.flush()
            sys.stdout.flush()
            os._exit(status)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        self._pass_on(signal.SIGTERM, None)
        events.server_stopping(signal.Signals(number).name)

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        for pid in list(self._started_at):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
