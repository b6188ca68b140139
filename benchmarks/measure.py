"""The contest: rounds in which each contestant runs once, in an order that moves on from round to round."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.contestants import Arena, Contestant
from benchmarks.machine import Mode, say
from benchmarks.summary import Run, rate_of
from benchmarks.workloads import Workload

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. Before the first round each contestant warms up on each workload."""

    rounds: int
    seconds: float
    warm_up_s: float


QUICK = Plan(rounds=1, seconds=1, warm_up_s=1)
FULL = Plan(rounds=5, seconds=3, warm_up_s=3)


def rotated(items: Sequence[T], by: int) -> list[T]:
    """Return the items in their order, begun at another one."""
    start = by % len(items) if items else 0
    return [*items[start:], *items[:start]]


def contest(
    arena: Arena, contestants: Sequence[type[Contestant]], workloads: Sequence[Workload], mode: Mode, plan: Plan
) -> Iterator[Run]:
    """Start everybody, check everybody's answers, then measure. Raises `BenchFailed`."""
    arena.settle(mode)
    with ExitStack() as running:
        present = []
        for kind in contestants:
            contestant = kind(arena)
            running.callback(contestant.stop)
            say(f"{mode.title}: starting {contestant.name}")
            contestant.start(mode)
            present.append(contestant)
        for workload in workloads:
            expected = arena.database.answers(workload)
            for contestant in present:
                contestant.check(workload, expected)
        say(f"{mode.title}: all answers are the same; warming up")
        for workload in workloads:
            for contestant in present:
                if contestant.warms_up:
                    contestant.run(workload, plan.warm_up_s)
        for number in range(plan.rounds):
            for workload in workloads:
                # What updates have left behind is cleared away, for everybody alike.
                arena.database.run("VACUUM counters")
                for contestant in rotated(present, number):
                    sample = contestant.run(workload, plan.seconds)
                    say(
                        f"round {number + 1} of {plan.rounds}, {workload.name}, {contestant.name}: "
                        f"{rate_of(sample):,.0f}/s, p99 {sample.load.p99_ms:.2f} ms"
                    )
                    yield Run(mode.name, workload.name, contestant.name, number + 1, sample)
