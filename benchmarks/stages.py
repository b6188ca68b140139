"""The gateway with a stopwatch in its hand: `python -m benchmarks.stages FILE serve` serves, and times each stage.

For one request at a time: whatever happens between a request's first byte and
its answer is that request's. Calls of one stage contain calls of others, and
each moment counts once, for the innermost: so the stages add up to the whole.
It knows the short way (`proxy/fast_path.py`) and how a large result goes on
from there; of the few requests that go the long way, what it does not know is
`between`. At the end it writes, for each stage, the microseconds of every
request to FILE. The stopwatch itself costs a request some microseconds, most of
them in `go on`.
"""

import atexit
import functools
import importlib
import inspect
import json
import sys
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from types import coroutine
from typing import Any

from proxy.__main__ import main

WHOLE, BETWEEN = "whole", "between"
_ENOUGH = 200_000


@dataclass(frozen=True, slots=True)
class Stage:
    """What belongs to a stage: calls of these, `module:name`, without the calls of other stages in them.

    `after` is the stage that the time before such a call belongs to, where no other call is under way.
    """

    name: str
    what: str
    calls: tuple[str, ...]
    after: str = BETWEEN


# A request begins with the first of these calls, and ends with one of the last stage.
STAGES = (
    Stage(
        "read",
        "HTTP, and the body's JSON",
        ("proxy.wire.protocol:HttpProtocol.data_received", "proxy.fast_path:parse_query"),
    ),
    Stage(
        "go on",
        "from one stage to the next, and the stopwatch",
        (
            "proxy.fast_path:FastPath.take",
            "proxy.fast_path:Flight.land",
            "proxy.gateway:Gateway.see_through",
        ),
    ),
    Stage(
        "authenticate",
        "the token → a principal",
        ("proxy.wire.head:Head.token", "proxy.identity.authenticator:Authenticator.authenticate"),
    ),
    Stage("vet", "the text's hash → a verdict", ("proxy.verdicts:Verdicts.allowed",)),
    Stage("admit", "the queue and the rate", ("proxy.tenants.tenant:Tenant.begin",)),
    Stage(
        "bind",
        "limits and settings, a session, the parameters' texts",
        ("proxy.tenants.tenant:Tenant.execution", "proxy.database.execute:Execution.begin"),
    ),
    Stage("send", "the statement's messages, to PostgreSQL's socket", ("proxy.database.session:Session.send",)),
    Stage("PostgreSQL", "waited for, from there to its answer: no processor time", ()),
    Stage(
        "decode",
        "the answer's bytes → rows, and the session handed back",
        ("proxy.database.link:Link.data_received", "proxy.database.execute:Execution.result"),
        after="PostgreSQL",
    ),
    Stage("render", "the answer's JSON", ("proxy.fast_path:render_at_once", "proxy.fast_path:render_result")),
    Stage(
        "tell",
        "the log line and the metrics",
        ("proxy.telemetry.events:query_served", "proxy.telemetry.events:request_served"),
    ),
    Stage(
        "respond",
        "the answer's head",
        ("proxy.wire.exchange:Exchange.respond_at_once", "proxy.wire.exchange:Exchange.respond"),
    ),
    Stage(
        "write",
        "the answer, to the caller's socket",
        ("proxy.wire.outbox:Outbox.flush", "proxy.wire.exchange:Exchange._write_in_pieces"),
    ),
)


class Stopwatch:
    """The times of the request under way, and of those before it, in nanoseconds."""

    def __init__(self) -> None:
        self.laps: dict[str, list[int]] = {name: [] for name in (*(stage.name for stage in STAGES), WHOLE, BETWEEN)}
        self._current: dict[str, int] | None = None
        self._inside: list[str] = []
        self._counted_until = 0

    def begin(self) -> None:
        """Begin a request."""
        self._current, self._counted_until = {}, perf_counter_ns()

    def enter(self, stage: Stage) -> None:
        """Count for a stage from now on."""
        self._count(self._inside[-1] if self._inside else stage.after)
        self._inside.append(stage.name)

    def leave(self) -> None:
        """Count for what was counted for before the stage was entered."""
        self._count(self._inside.pop())

    def _count(self, stage: str) -> None:
        now = perf_counter_ns()
        if self._current is not None:
            self._current[stage] = self._current.get(stage, 0) + now - self._counted_until
        self._counted_until = now

    def end(self) -> None:
        """End the request, if there is one."""
        taken, self._current = self._current, None
        if taken is None or len(self.laps[WHOLE]) >= _ENOUGH:
            return
        taken[WHOLE] = sum(taken.values())
        for stage, laps in self.laps.items():
            laps.append(taken.get(stage, 0))


def find(call: str) -> tuple[Any, str]:
    """Return what holds the function that `module:name` or `module:Class.name` says, and the function's name there."""
    module, _, path = call.partition(":")
    *owners, name = path.split(".")
    holder = functools.reduce(getattr, owners, importlib.import_module(module))
    getattr(holder, name)
    return holder, name


def attach(stopwatch: Stopwatch) -> None:
    """Put the stopwatch around every call of every stage."""
    first = STAGES[0].calls[0]
    for stage in STAGES:
        for call in stage.calls:
            holder, name = find(call)
            function = getattr(holder, name)
            around = _around_coroutine if inspect.iscoroutinefunction(function) else _around
            timed = around(stopwatch, stage, function, begins=call == first, ends=stage is STAGES[-1])
            setattr(holder, name, functools.wraps(function)(timed))


def _around(
    stopwatch: Stopwatch, stage: Stage, function: Callable[..., Any], *, begins: bool, ends: bool
) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        if begins:
            stopwatch.begin()
        stopwatch.enter(stage)
        try:
            return function(*args, **kwargs)
        finally:
            stopwatch.leave()
            if ends:
                stopwatch.end()

    return timed


def _around_coroutine(
    stopwatch: Stopwatch, stage: Stage, function: Callable[..., Any], *, begins: bool, ends: bool
) -> Callable[..., Any]:
    async def timed(*args: Any, **kwargs: Any) -> Any:
        if begins:
            stopwatch.begin()
        try:
            return await _in_steps(stopwatch, stage, function(*args, **kwargs))
        finally:
            if ends:
                stopwatch.end()

    return timed


@coroutine
def _in_steps(stopwatch: Stopwatch, stage: Stage, timed: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run a coroutine, and count what it does, not what it waits for: others have their turn then."""
    step, news = timed.send, None
    while True:
        stopwatch.enter(stage)
        try:
            awaited = step(news)
        except StopIteration as stop:
            return stop.value
        finally:
            stopwatch.leave()
        step, news = timed.send, None
        try:
            yield awaited
        except BaseException as exc:  # noqa: BLE001 - it is the coroutine's to handle
            step, news = timed.throw, exc


def _write(stopwatch: Stopwatch, file: Path) -> None:
    laps = {stage: [taken / 1000 for taken in taken_ns] for stage, taken_ns in stopwatch.laps.items()}
    file.write_text(json.dumps(laps), encoding="utf-8")


if __name__ == "__main__":
    watch = Stopwatch()
    attach(watch)
    atexit.register(_write, watch, Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
