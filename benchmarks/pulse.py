"""The gateway with a pulse: `python -m benchmarks.pulse FILE serve` serves, and notes whenever its loop stood still.

A task asks to be woken each millisecond. Where it is woken late, the loop was
busy with something that it did not let go of, or the machine was busy with
something else: the processor time that went by tells the two apart. At the
end FILE holds the pauses as `[[when, seconds, processor seconds], …]`, `when`
being the monotonic clock's.
"""

import asyncio
import atexit
import functools
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic, thread_time
from typing import Any

from benchmarks.stages import find
from proxy.__main__ import main

# What runs for as long as the gateway serves.
WORK = "proxy.server:_work"
BEAT_S = 0.001
NOTED_S = 0.002


Pause = tuple[float, float, float]


async def beat(pauses: list[Pause]) -> None:
    """Note the pauses until cancelled."""
    while True:
        slept, worked = monotonic(), thread_time()
        await asyncio.sleep(BEAT_S)
        woken = monotonic()
        if woken - slept - BEAT_S > NOTED_S:
            pauses.append((woken, woken - slept - BEAT_S, thread_time() - worked))


def attach(pauses: list[Pause]) -> None:
    """Have a heart beat in the gateway's loop."""
    holder, name = find(WORK)
    work: Callable[..., Awaitable[Any]] = getattr(holder, name)

    @functools.wraps(work)
    async def with_pulse(*args: Any) -> Any:
        pulse = asyncio.create_task(beat(pauses))
        try:
            return await work(*args)
        finally:
            pulse.cancel()

    setattr(holder, name, with_pulse)


def _write(pauses: list[Pause], file: Path) -> None:
    file.write_text(json.dumps(pauses), encoding="utf-8")


if __name__ == "__main__":
    noted: list[Pause] = []
    attach(noted)
    atexit.register(_write, noted, Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
