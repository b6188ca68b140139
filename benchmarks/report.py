"""Numbers → the pages that people read: Markdown tables, and the JSON of every run beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from benchmarks.summary import Cell, Run, summarize

BEGIN = "<!-- results: written by ./run bench -->"
END = "<!-- end of results -->"
_HEAD = "| | requests/s | times Express | p50 ms | p99 ms | p99, times Express | CPU µs a request | memory MiB |"
_RULE = "|---|--:|--:|--:|--:|--:|--:|--:|"


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that one command has measured, and what has to be known to read it.

    `titles` has a line for each mode, workload and contestant by name;
    `absent` says who did not take part and why.
    """

    made: str
    command: str
    machine: Mapping[str, str]
    plan: str
    titles: Mapping[str, str]
    versions: Mapping[str, str]
    absent: Mapping[str, str]
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

    def errors(self) -> list[Run]:
        """Return the runs in which not every answer was a good one."""
        return [run for run in self.runs if run.sample.load.errors]


def to_json(results: Results) -> bytes:
    """Write down every run."""
    document: dict[str, Any] = asdict(results)
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def to_markdown(results: Results, plot: str | None = None) -> str:
    """Write the section of the page that the command made; `plot` is the file of the picture."""
    cells = summarize(results.runs)
    machine = "; ".join(f"{title}: {fact}" for title, fact in results.machine.items())
    lines = [
        BEGIN,
        "",
        f"Made on {results.made} by `{results.command}`. {results.plan}",
        "",
        f"Machine: {machine}.",
        "",
    ]
    if plot:
        lines += [f"![Requests a second of each contestant in each workload]({plot})", ""]
    for run in results.errors():
        lines += [f"**{run.contestant}, {run.workload}, round {run.round}: {run.sample.load.errors} errors.**", ""]
    for mode in results.modes():
        lines += [f"### {results.titles[mode]}", ""]
        for workload in results.workloads():
            lines += [f"**{workload}**: {results.titles[workload]}", "", _HEAD, _RULE]
            lines += [
                _row(results.titles[contestant], cells[mode, workload, contestant])
                for contestant in results.contestants()
                if (mode, workload, contestant) in cells
            ]
            lines += [f"| {name} | {reason} | | | | | | |" for name, reason in results.absent.items()]
            lines.append("")
    lines += ["### Versions", ""]
    lines += [f"- {results.titles[name]}: {version}" for name, version in results.versions.items()]
    return "\n".join([*lines, "", END])


def put_into(page: str, section: str) -> str:
    """Return the page with the section in the place of the one it has. Raises ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return before + section + after


def _row(title: str, cell: Cell) -> str:
    values = [
        f"{cell.rate:,.0f}",
        _times(cell.ratio),
        f"{cell.p50_ms:.2f}",
        f"{cell.p99_ms:.2f}",
        _times(cell.p99_ratio),
        "-" if cell.cpu_us is None else f"{cell.cpu_us:,.0f}",
        "-" if cell.memory_mib is None else f"{cell.memory_mib:.0f}",
    ]
    return f"| {title} | {' | '.join(values)} |"


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"
