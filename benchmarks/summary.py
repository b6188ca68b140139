"""Numbers of several rounds → one: medians, and ratios taken within a round, so that a slow minute harms nobody."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.contestants import Sample

# Everything is held to what users have.
REFERENCE = "express"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one contestant, in one round of one mode."""

    mode: str
    workload: str
    contestant: str
    round: int
    sample: Sample


@dataclass(frozen=True, slots=True)
class Cell:
    """A contestant's medians in one workload and mode. None where there is nothing to tell.

    `ratio` is requests a second over the reference's, `p99_ratio` the 99th
    percentile's latency over the reference's: each the median of the rounds'
    own ratios. `cpu_us` is processor time for one request, `memory_mib` what
    is resident after a run, all processes together.
    """

    rate: float
    ratio: float | None
    p50_ms: float
    p99_ms: float
    p99_ratio: float | None
    cpu_us: float | None
    memory_mib: float | None


def summarize(runs: Iterable[Run]) -> dict[tuple[str, str, str], Cell]:
    """Return a cell for each mode, workload and contestant."""
    grouped: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        grouped.setdefault((run.mode, run.workload, run.contestant), []).append(run)
    return {
        (mode, workload, contestant): _cell(group, grouped.get((mode, workload, REFERENCE), []))
        for (mode, workload, contestant), group in grouped.items()
    }


def rate_of(sample: Sample) -> float:
    """Return the requests answered in a second."""
    return sample.load.requests / sample.load.seconds


def _cell(group: list[Run], reference: list[Run]) -> Cell:
    samples = [run.sample for run in group]
    beside = {run.round: run.sample for run in reference}
    pairs = [(run.sample, beside[run.round]) for run in group if run.round in beside]
    cpu_us = [
        sample.cpu_s * 1e6 / sample.load.requests
        for sample in samples
        if sample.cpu_s is not None and sample.load.requests
    ]
    memory = [sample.memory_bytes / 2**20 for sample in samples if sample.memory_bytes is not None]
    return Cell(
        rate=median(map(rate_of, samples)),
        ratio=_median([rate_of(one) / rate_of(other) for one, other in pairs if rate_of(other)]),
        p50_ms=median(sample.load.p50_ms for sample in samples),
        p99_ms=median(sample.load.p99_ms for sample in samples),
        p99_ratio=_median([one.load.p99_ms / other.load.p99_ms for one, other in pairs if other.load.p99_ms]),
        cpu_us=_median(cpu_us),
        memory_mib=_median(memory),
    )


def _median(values: list[float]) -> float | None:
    return median(values) if values else None
