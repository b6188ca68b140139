"""Numbers → the pages that people read: Markdown tables, and the JSON of every run beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from benchmarks.summary import USERS_EXPRESS, Cell, Run, summarize

# Whose ratios to each Express are worth a table of their own.
_OURS = "database-proxy"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What has to be known to read numbers: when, by which command, on what, and how much was measured."""

    made: str
    command: str
    machine: Mapping[str, str]
    plan: str

    def to_markdown(self) -> list[str]:
        """Say it in two paragraphs."""
        machine = "; ".join(f"{title}: {fact}" for title, fact in self.machine.items())
        return [f"Made on {self.made} by `{self.command}`. {self.plan}", "", f"Machine: {machine}.", ""]


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that one contest has measured.

    `titles` has a line for each mode, workload and contestant by name;
    `absent` says who did not take part and why; `references` are those whom
    everybody is held to, by name: the Node of each Express.
    """

    circumstances: Circumstances
    titles: Mapping[str, str]
    versions: Mapping[str, str]
    absent: Mapping[str, str]
    references: Mapping[str, str]
    runs: Sequence[Run] = field(default_factory=list)

    def modes(self) -> list[str]:
        """Return the modes that were run, in order."""
        return list(dict.fromkeys(run.mode for run in self.runs))

    def workloads(self) -> list[str]:
        """Return the workloads that were run, in order."""
        return list(dict.fromkeys(run.workload for run in self.runs))

    def contestants(self) -> list[str]:
        """Return who took part, in the order of the titles."""
        ran = {run.contestant for run in self.runs}
        return [name for name in self.titles if name in ran]

    def reference(self) -> str | None:
        """Return whom a single column of ratios is about: what users have, else the first there is."""
        return USERS_EXPRESS if USERS_EXPRESS in self.references else next(iter(self.references), None)

    def cells(self) -> dict[tuple[str, str, str], Cell]:
        """Return a cell for each mode, workload and contestant."""
        return summarize(self.runs, list(self.references))

    def errors(self) -> list[Run]:
        """Return the runs in which not every answer was a good one."""
        return [run for run in self.runs if run.sample.load.errors]


def to_markdown(results: Results, plot: str | None = None) -> list[str]:
    """Lay the contest out in tables; `plot` is the file of the picture."""
    cells = results.cells()
    lines = results.circumstances.to_markdown()
    if plot:
        lines += [f"![Requests a second of each contestant in each workload]({plot})", ""]
    for run in results.errors():
        lines += [f"**{run.contestant}, {run.workload}, round {run.round}: {run.sample.load.errors} errors.**", ""]
    for mode in results.modes():
        lines += [f"### {results.titles[mode]}", "", *_headline(results, mode, cells), *_ours(results, mode, cells)]
        for workload in results.workloads():
            lines += [f"**{workload}**: {results.titles[workload]}", "", *_detail(results, mode, workload, cells), ""]
    versions = [f"- {results.titles[name]}: {version}" for name, version in results.versions.items()]
    return [*lines, "### Versions", "", *versions]


def to_json(results: Any) -> bytes:
    """Write down a dataclass with all that is in it."""
    return orjson.dumps(asdict(results), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS) + b"\n"


def section(name: str, lines: Sequence[str]) -> str:
    """Return a part of a page between the marks that say that a command writes it."""
    begin, end = _marks(name)
    return "\n".join([begin, "", *lines, "", end])


def put_into(page: str, name: str, lines: Sequence[str]) -> str:
    """Return the page with a section in the place of the one it has. Raises ValueError where it has none."""
    begin, end = _marks(name)
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no {begin} … {end}")
    return before + section(name, lines) + after


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: written by ./run bench -->", f"<!-- end of {name} -->"


def _headline(results: Results, mode: str, cells: Mapping[tuple[str, str, str], Cell]) -> list[str]:
    """Return the ratios of all workloads side by side, to the Express that users have."""
    reference = results.reference()
    if reference is None:
        return []
    rows = {
        results.titles[contestant]: [
            cells[mode, workload, contestant].ratios[reference] if (mode, workload, contestant) in cells else None
            for workload in results.workloads()
        ]
        for contestant in results.contestants()
    }
    return _ratios(f"requests/s, times Express on {results.references[reference]}", results.workloads(), rows)


def _ours(results: Results, mode: str, cells: Mapping[tuple[str, str, str], Cell]) -> list[str]:
    """Return the gateway's ratios to every Express, where there are several."""
    if len(results.references) < 2 or _OURS not in results.contestants():
        return []
    rows = {
        f"times Express on {line}": [
            cells[mode, workload, _OURS].ratios[name] if (mode, workload, _OURS) in cells else None
            for workload in results.workloads()
        ]
        for name, line in results.references.items()
    }
    return _ratios(f"{results.titles[_OURS]}, requests/s", results.workloads(), rows)


def _ratios(title: str, workloads: Sequence[str], rows: Mapping[str, Sequence[float | None]]) -> list[str]:
    head = [f"| {title} | {' | '.join(workloads)} |", f"|---|{'--:|' * len(workloads)}"]
    return [*head, *(f"| {name} | {' | '.join(map(_times, ratios))} |" for name, ratios in rows.items()), ""]


def _detail(results: Results, mode: str, workload: str, cells: Mapping[tuple[str, str, str], Cell]) -> list[str]:
    """Return everything about one workload, a contestant a row."""
    reference = results.reference()
    columns = [
        "requests/s",
        *(f"times {line}" for line in results.references.values()),
        "p50 ms",
        "p99 ms",
        *([] if reference is None else [f"p99, times {results.references[reference]}"]),
        "CPU µs a request",
        "memory MiB",
    ]
    return [
        f"| | {' | '.join(columns)} |",
        f"|---|{'--:|' * len(columns)}",
        *(
            _row(results.titles[contestant], cells[mode, workload, contestant], reference)
            for contestant in results.contestants()
            if (mode, workload, contestant) in cells
        ),
        *(f"| {name} | {reason} |{' |' * (len(columns) - 1)}" for name, reason in results.absent.items()),
    ]


def _row(title: str, cell: Cell, reference: str | None) -> str:
    values = [
        f"{cell.rate:,.0f}",
        *map(_times, cell.ratios.values()),
        f"{cell.p50_ms:.2f}",
        f"{cell.p99_ms:.2f}",
        *([] if reference is None else [_times(cell.p99_ratios[reference])]),
        "-" if cell.cpu_us is None else f"{cell.cpu_us:,.0f}",
        "-" if cell.memory_mib is None else f"{cell.memory_mib:.0f}",
    ]
    return f"| {title} | {' | '.join(values)} |"


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"
