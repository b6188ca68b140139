"""Numbers of several rounds → one: medians, and ratios taken within a round, so that a slow minute harms nobody."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.contestants import Sample

# What users have, as far as can be told: the proxy before this one was written in November 2025 and names no Node.
# Node 24 had been LTS for a few weeks then, Node 22 for a year; older ones are no quicker.
USERS_EXPRESS = "express-node22"


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

    `ratios` are requests a second over each reference's, by its name, `p99_ratios`
    the 99th percentile's latency over each reference's: each the median of the
    rounds' own ratios. `cpu_us` is processor time for one request, `memory_mib`
    what is resident after a run, all processes together.
    """

    rate: float
    ratios: Mapping[str, float | None]
    p50_ms: float
    p99_ms: float
    p99_ratios: Mapping[str, float | None]
    cpu_us: float | None
    memory_mib: float | None


def summarize(runs: Iterable[Run], references: Sequence[str]) -> dict[tuple[str, str, str], Cell]:
    """Return a cell for each mode, workload and contestant, held to each of the references."""
    grouped: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        grouped.setdefault((run.mode, run.workload, run.contestant), []).append(run)
    return {
        (mode, workload, contestant): _cell(
            group, {name: grouped.get((mode, workload, name), []) for name in references}
        )
        for (mode, workload, contestant), group in grouped.items()
    }


def rate_of(sample: Sample) -> float:
    """Return the requests answered in a second."""
    return sample.load.requests / sample.load.seconds


def _cell(group: list[Run], references: Mapping[str, list[Run]]) -> Cell:
    samples = [run.sample for run in group]
    pairs = {name: _same_rounds(group, reference) for name, reference in references.items()}
    cpu_us = [
        sample.cpu_s * 1e6 / sample.load.requests
        for sample in samples
        if sample.cpu_s is not None and sample.load.requests
    ]
    memory = [sample.memory_bytes / 2**20 for sample in samples if sample.memory_bytes is not None]
    return Cell(
        rate=median(map(rate_of, samples)),
        ratios={
            name: _median([rate_of(one) / rate_of(other) for one, other in both if rate_of(other)])
            for name, both in pairs.items()
        },
        p50_ms=median(sample.load.p50_ms for sample in samples),
        p99_ms=median(sample.load.p99_ms for sample in samples),
        p99_ratios={
            name: _median([one.load.p99_ms / other.load.p99_ms for one, other in both if other.load.p99_ms])
            for name, both in pairs.items()
        },
        cpu_us=_median(cpu_us),
        memory_mib=_median(memory),
    )


def _same_rounds(group: list[Run], reference: list[Run]) -> list[tuple[Sample, Sample]]:
    """Pair each run with the reference's of the same round."""
    beside = {run.round: run.sample for run in reference}
    return [(run.sample, beside[run.round]) for run in group if run.round in beside]


def _median(values: list[float]) -> float | None:
    return median(values) if values else None
