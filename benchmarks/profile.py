"""`./run profile W1`: where the gateway's microseconds go.

Two looks at two gateways. A stopwatch around each stage of the sentence, one
request at a time: what a caller waits for. And a sampling profiler (py-spy)
at a gateway that nobody has touched, under full load: what the processor does.
"""

import argparse
import contextlib
import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks import machine
from benchmarks.__main__ import UNPUBLISHED
from benchmarks.contestants import Arena, Gateway
from benchmarks.database import BenchDatabase
from benchmarks.load import OwnGenerator, percentile
from benchmarks.machine import Mode, say
from benchmarks.peers import NODE
from benchmarks.processes import BenchFailed, Service
from benchmarks.stages import BETWEEN, STAGES, WHOLE
from benchmarks.workloads import WORKLOADS, Workload
from proxy.embedded import EmbeddedFailed

SAMPLES_PER_S = 500
FUNCTIONS_SHOWN = 25
_FRAME = re.compile(r"(?P<function>.*) \((?P<file>[^()]*?)(?::\d+)?\)$")


class TimedGateway(Gateway):
    """The gateway with a stopwatch; its numbers are in `laps` once it has stopped."""

    name = "gateway-timed"

    @property
    def laps(self) -> Path:
        """The file of the microseconds."""
        return self.arena.folder / "laps.json"

    def command(self) -> Sequence[str | Path]:
        """Serve, timed."""
        return [sys.executable, "-m", "benchmarks.stages", self.laps, "serve"]


def main(words: list[str]) -> int:
    """Profile one workload. Exit status 1: it could not be done."""
    parser = argparse.ArgumentParser(prog="./run profile", description="Say where the gateway's microseconds go.")
    parser.add_argument(
        "workload", choices=WORKLOADS, help=", ".join(f"{w.name}: {w.title}" for w in WORKLOADS.values())
    )
    parser.add_argument("--seconds", type=int, default=5, help="how long each of the two looks takes (default: 5)")
    options = parser.parse_args(words)
    workload, mode = WORKLOADS[options.workload], machine.modes()["one"]
    try:
        with BenchDatabase() as database:
            arena = Arena(database, OwnGenerator(database.folder), database.folder, NODE)
            arena.settle(mode)
            print(stage_table(workload, time_stages(TimedGateway(arena), workload, mode, options.seconds)))
            stacks = _sample(Gateway(arena), workload, mode, options.seconds)
    except (BenchFailed, EmbeddedFailed) as exc:
        say(f"profile: {exc}")
        return 1
    UNPUBLISHED.mkdir(exist_ok=True)
    file = UNPUBLISHED / f"profile-{workload.name}.txt"
    file.write_text(stacks, encoding="utf-8")
    print(sample_tables(stacks.splitlines()))
    print(f"\nEvery stack: {file} (a flame graph of it: speedscope)")
    return 0


@contextlib.contextmanager
def _running(gateway: Gateway, workload: Workload, mode: Mode) -> Iterator[Gateway]:
    """Start a gateway, make sure of its answers, and warm it up."""
    gateway.start(mode)
    try:
        gateway.check(workload, gateway.arena.database.answers(workload))
        gateway.run(workload, 1)
        yield gateway
    finally:
        gateway.stop()


def time_stages(gateway: TimedGateway, workload: Workload, mode: Mode, seconds: int) -> Mapping[str, Sequence[float]]:
    """Return the microseconds of each stage in each request of some seconds, one request at a time."""
    with _running(gateway, workload, mode):
        checked = gateway.arena.generator.run(
            gateway.port, gateway.requests(workload), seconds, mode.other_cores, connections=1
        )
    laps: dict[str, list[float]] = json.loads(gateway.laps.read_text(encoding="utf-8"))
    if len(laps[WHOLE]) < checked.requests:
        raise BenchFailed("requests went another way than benchmarks/stages.py knows of")
    # What came before had several requests at a time.
    return {stage: taken[-checked.requests :] for stage, taken in laps.items()}


def stage_table(workload: Workload, laps: Mapping[str, Sequence[float]]) -> str:
    """Lay out the stages of one request at a time; `laps` are microseconds."""
    whole = median(laps[WHOLE])
    rows = [(stage.name, stage.what) for stage in STAGES]
    rows += [(BETWEEN, "the loop, and tasks"), (WHOLE, "from the first byte in to the last byte out")]
    lines = [
        f"{workload.name}, {workload.title}: one request at a time, {len(laps[WHOLE]):,} of them",
        "",
        f"{'stage':18}{'median µs':>10}{'p99 µs':>10}{'share':>7}",
    ]
    for name, what in rows:
        taken = sorted(laps[name])
        middle = median(taken)
        lines.append(f"{name:18}{middle:10.1f}{percentile(taken, 99):10.1f}{middle / whole:7.0%}  {what}")
    return "\n".join(lines)


def _sample(gateway: Gateway, workload: Workload, mode: Mode, seconds: int) -> str:
    """Sample a gateway's stacks under load; return them as py-spy writes them, one a line with its count."""
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if program is None:
        raise BenchFailed("there is no py-spy: it comes with the extra `bench`, as in the environment of ./run")
    stacks = gateway.arena.folder / "stacks.txt"
    options = ["--format=raw", f"--rate={SAMPLES_PER_S}", f"--duration={seconds}", f"--output={stacks}"]
    with _running(gateway, workload, mode):
        command = [program, "record", *options, f"--pid={gateway.service.pid}"]
        spy = Service(command, {}, gateway.arena.folder / "py-spy.log", mode.other_cores)
        try:
            while spy.running:
                gateway.run(workload, 1)
        finally:
            spy.stop()
    if not stacks.is_file():
        raise BenchFailed(f"py-spy could not look at the gateway (it needs to be root, or ptrace): {spy.last_words()}")
    return stacks.read_text(encoding="utf-8")


def sample_tables(stacks: Iterable[str]) -> str:
    """Say which packages and functions the samples were in; the proxy's rooms are told apart.

    A sample counts for the innermost Python function: what that calls in C
    (orjson, asyncpg, httptools) counts as its own.
    """
    packages, functions = Counter[str](), Counter[str]()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        if not count.isdigit():
            continue
        frame = _FRAME.match(stack.rpartition(";")[2])
        function, file = (frame["function"], frame["file"]) if frame else (stack, "")
        packages[package_of(file)] += int(count)
        functions[f"{function} ({file})"] += int(count)
    total = sum(packages.values()) or 1
    lines = ["", f"Under load, {total:,} samples: the processor was in", ""]
    lines += [f"{count / total:6.1%}  {name}" for name, count in packages.most_common()]
    lines += ["", "and there in", ""]
    lines += [f"{count / total:6.1%}  {name}" for name, count in functions.most_common(FUNCTIONS_SHOWN)]
    return "\n".join(lines)


def package_of(file: str) -> str:
    """Return what a source file, as py-spy shortens it, belongs to: a room of the gateway, a package, the loop."""
    first, *rest = Path(file).with_suffix("").parts or ("",)
    if first == "asyncio" and rest == ["runners"]:
        return "the loop, and what it calls in C: uvloop, asyncpg, httptools"
    if first == "proxy":
        return ".".join([first, *rest[:1]])
    return "Python's library" if first in sys.stdlib_module_names or first.startswith("<") else first


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
