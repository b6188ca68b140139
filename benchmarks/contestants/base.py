"""What every contestant is: something that can be started, checked and measured."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.database import BenchDatabase
from benchmarks.load import Generator, Load
from benchmarks.machine import Mode, pin
from benchmarks.workloads import Workload

# The rows that each request of a workload has to be answered with, by its parameters.
Answers = Mapping[tuple[Any, ...], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one workload: the load's numbers, and what the contestant used for them.

    None where it cannot be told: pgbench's memory.
    """

    load: Load
    cpu_s: float | None
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class Arena:
    """What all contestants share: the database, the load generator, a folder for logs, the Node that peers run on."""

    database: BenchDatabase
    generator: Generator
    folder: Path
    node: Path

    def settle(self, mode: Mode) -> None:
        """Keep PostgreSQL, and ourselves, where the contestants of this mode are not."""
        self.database.pin(mode.other_cores)
        pin([os.getpid()], mode.other_cores)


class Contestant(ABC):
    """One that takes part. `start` before use, `stop` at the end.

    `title` is what a table calls it; `warms_up` tells whether it gets faster as it runs,
    `needs_peers` whether the packages of `benchmarks/peers` have to be there.
    """

    name: str
    title: str
    warms_up = True
    needs_peers = False

    def __init__(self, arena: Arena) -> None:
        self.arena = arena

    @classmethod
    def absent(cls) -> str | None:
        """Say why it cannot take part on this machine; None: it can."""
        return None

    @abstractmethod
    def version(self) -> str:
        """Return what is measured, with its version."""

    @abstractmethod
    def start(self, mode: Mode) -> None:
        """Begin to serve. Raises `BenchFailed`."""

    @abstractmethod
    def stop(self) -> None:
        """End. Harmless when it was not started."""

    @abstractmethod
    def check(self, workload: Workload, expected: Answers) -> None:
        """Raise `BenchFailed` unless it answers what PostgreSQL says it has to."""

    @abstractmethod
    def run(self, workload: Workload, seconds: float) -> Sample:
        """Measure one workload for so long."""
