"""The gateway with a stopwatch in its hand: `python -m benchmarks.stages FILE serve` serves, and times each stage.

For one request at a time: whatever happens between a request's first byte and
its answer is that request's. At the end it writes, for each stage, the
microseconds of every request to FILE. The stopwatch itself costs a request
some microseconds, which show up as `between`.
"""

import atexit
import functools
import importlib
import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from proxy.__main__ import main

WHOLE, BETWEEN = "whole", "between"
_ENOUGH = 200_000


@dataclass(frozen=True, slots=True)
class Stage:
    """What belongs to a stage: calls of these, `module:name`. `within` is the stage that has it as a part."""

    name: str
    what: str
    calls: tuple[str, ...]
    within: str | None = None


# A request begins with the first of these calls, and ends with the last.
STAGES = (
    Stage(
        "read",
        "HTTP, and the body's JSON",
        ("proxy.wire.protocol:HttpProtocol.data_received", "proxy.gateway:Gateway._read"),
    ),
    Stage("authenticate", "the token → a principal", ("proxy.gateway:Gateway._identify",)),
    Stage(
        "admit",
        "rate, and the queue in and out",
        (
            "proxy.admission.rate:Rate.take",
            "proxy.admission.queue:Queue.enter",
            "proxy.admission.queue:Queue.leave",
        ),
    ),
    Stage("find the policy", "the tenant by its name", ("proxy.gateway:Gateway._find_tenant",)),
    Stage("vet", "the text's hash → a verdict", ("proxy.gateway:Gateway._vet",)),
    Stage("execute", "a session, to PostgreSQL and back, rows as dicts", ("proxy.gateway:Gateway._execute",)),
    Stage(
        "PostgreSQL",
        "the driver, the socket, PostgreSQL itself, values decoded",
        ("proxy.database.session:Session.run",),
        within="execute",
    ),
    Stage("render", "the answer's JSON", ("proxy.gateway:render_result",)),
    Stage("tell", "the log line and the metrics", ("proxy.telemetry.events:request_served",)),
    Stage("send", "the answer's head, to the socket", ("proxy.wire.exchange:Exchange.respond",)),
)


class Stopwatch:
    """The times of the request under way, and of those before it, in nanoseconds."""

    def __init__(self) -> None:
        self.laps: dict[str, list[int]] = {name: [] for name in (*(stage.name for stage in STAGES), WHOLE, BETWEEN)}
        self._current: dict[str, int] = {}
        self._began = 0

    def begin(self) -> None:
        """Begin a request."""
        self._current, self._began = {}, perf_counter_ns()

    def add(self, stage: str, taken_ns: int) -> None:
        """Add to a stage of the request under way."""
        self._current[stage] = self._current.get(stage, 0) + taken_ns

    def end(self) -> None:
        """End the request."""
        whole = perf_counter_ns() - self._began
        if len(self.laps[WHOLE]) >= _ENOUGH:
            return
        for stage in STAGES:
            self.laps[stage.name].append(self._current.get(stage.name, 0))
        known = sum(self._current.get(stage.name, 0) for stage in STAGES if stage.within is None)
        self.laps[WHOLE].append(whole)
        self.laps[BETWEEN].append(whole - known)


def find(call: str) -> tuple[Any, str]:
    """Return what holds the function that `module:name` or `module:Class.name` says, and the function's name there."""
    module, _, path = call.partition(":")
    *owners, name = path.split(".")
    holder = functools.reduce(getattr, owners, importlib.import_module(module))
    getattr(holder, name)
    return holder, name


def attach(stopwatch: Stopwatch) -> None:
    """Put the stopwatch around every call of every stage."""
    first, last = STAGES[0].calls[0], STAGES[-1].calls[-1]
    for stage in STAGES:
        for call in stage.calls:
            holder, name = find(call)
            function = getattr(holder, name)
            around = _around_coroutine if inspect.iscoroutinefunction(function) else _around
            timed = around(stopwatch, stage.name, function, begins=call == first, ends=call == last)
            setattr(holder, name, functools.wraps(function)(timed))


def _around(
    stopwatch: Stopwatch, stage: str, function: Callable[..., Any], *, begins: bool, ends: bool
) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        if begins:
            stopwatch.begin()
        started = perf_counter_ns()
        try:
            return function(*args, **kwargs)
        finally:
            stopwatch.add(stage, perf_counter_ns() - started)
            if ends:
                stopwatch.end()

    return timed


def _around_coroutine(
    stopwatch: Stopwatch, stage: str, function: Callable[..., Any], *, begins: bool, ends: bool
) -> Callable[..., Any]:
    async def timed(*args: Any, **kwargs: Any) -> Any:
        if begins:
            stopwatch.begin()
        started = perf_counter_ns()
        try:
            return await function(*args, **kwargs)
        finally:
            stopwatch.add(stage, perf_counter_ns() - started)
            if ends:
                stopwatch.end()

    return timed


def _write(stopwatch: Stopwatch, file: Path) -> None:
    laps = {stage: [taken / 1000 for taken in taken_ns] for stage, taken_ns in stopwatch.laps.items()}
    file.write_text(json.dumps(laps), encoding="utf-8")


if __name__ == "__main__":
    watch = Stopwatch()
    attach(watch)
    atexit.register(_write, watch, Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
