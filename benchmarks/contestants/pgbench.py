"""pgbench as a contestant: how it is run, and what it prints and logs → the numbers of a load."""

import re
import resource
from collections.abc import Iterable
from pathlib import Path

from benchmarks.contestants.base import Answers, Arena, Contestant, Sample
from benchmarks.load import CONNECTIONS, Load, percentile
from benchmarks.machine import Mode, version_of
from benchmarks.processes import BenchFailed, run_on
from benchmarks.workloads import SEED, Workload
from proxy.embedded import find_binaries

_PROCESSED = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)
_RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


class Pgbench(Contestant):
    """PostgreSQL's own load generator, in the contestant's place: the least that can stand between."""

    name = "pgbench"
    title = "pgbench, prepared: no HTTP, no JSON"
    warms_up = False
    _mode: Mode | None = None

    def __init__(self, arena: Arena) -> None:
        super().__init__(arena)
        self._program = arena.database.binaries.program("pgbench")

    @classmethod
    def absent(cls) -> str | None:
        """Say whether it lies beside PostgreSQL's other programs."""
        binaries = find_binaries()
        return None if Path(binaries.program("pgbench")).is_file() else f"there is no pgbench in {binaries.folder}"

    def version(self) -> str:
        """Return what pgbench says."""
        return version_of(self._program, "--version")

    def start(self, mode: Mode) -> None:
        """Need nothing but the mode."""
        self._mode = mode

    def stop(self) -> None:
        """Need nothing."""

    def check(self, workload: Workload, expected: Answers) -> None:
        """Need no check: it says itself if a statement fails, and reads whatever comes."""

    def run(self, workload: Workload, seconds: float) -> Sample:
        """Run it, and read the latencies of a part of the transactions from its log."""
        if self._mode is None:
            raise BenchFailed("pgbench was not started")
        folder = self.arena.folder / "pgbench"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        script = self.arena.folder / f"{workload.name}.sql"
        script.write_text(workload.pgbench_script(), encoding="utf-8")
        rate = 0.1 if workload.rows < 1000 else 1.0
        options = [
            f"--client={CONNECTIONS}",
            f"--jobs={self._mode.processes}",
            f"--time={max(1, round(seconds))}",
            f"--random-seed={SEED}",
            f"--sampling-rate={rate}",
            f"--log-prefix={folder / 'log'}",
        ]
        command = [self._program, "--no-vacuum", "--protocol=prepared", "--log", *options, f"--file={script}"]
        before = _children_cpu_s()
        output = run_on([*command, self.arena.database.login_dsn], self._mode.contestant_cores)
        lines = [line for log in folder.iterdir() for line in log.read_text().splitlines()]
        return Sample(read_log(output, lines), _children_cpu_s() - before, None)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read_log(output: str, lines: Iterable[str]) -> Load:
    """Take the counts from what it printed and the latencies from its log: the third word of a line, in µs.

    Raises `BenchFailed` where it says no counts.
    """
    processed, rate = _PROCESSED.search(output), _RATE.search(output)
    if processed is None or rate is None or float(rate[1]) == 0:
        raise BenchFailed(f"pgbench said no numbers: {output[-500:].strip()}")
    failed = _FAILED.search(output)
    latencies_ms = sorted(int(line.split()[2]) / 1000 for line in lines)
    return Load(
        requests=int(processed[1]),
        errors=int(failed[1]) if failed else 0,
        seconds=int(processed[1]) / float(rate[1]),
        p50_ms=percentile(latencies_ms, 50),
        p99_ms=percentile(latencies_ms, 99),
    )
