"""`./run bench`: start everything, measure, write down."""

import argparse
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, peers
from benchmarks.contestants import ABSENT, CONTESTANTS, Arena, Contestant
from benchmarks.database import BenchDatabase
from benchmarks.load import CONNECTIONS, find_generator
from benchmarks.machine import say
from benchmarks.measure import FULL, QUICK, Plan, contest
from benchmarks.plot import to_svg
from benchmarks.processes import BenchFailed
from benchmarks.report import Results, put_into, to_json, to_markdown
from benchmarks.summary import Run
from benchmarks.workloads import WORKLOADS
from proxy.embedded import EmbeddedFailed

HERE = Path(__file__).resolve().parent
UNPUBLISHED = HERE / "unpublished"


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="./run bench",
        description="Measure the gateway beside bare proxies, on a PostgreSQL of its own.",
        epilog="The whole contest writes its table, plot and numbers into benchmarks/. A part of it prints the table "
        f"and writes to {UNPUBLISHED.relative_to(HERE.parent)}/.",
    )
    parser.add_argument("--quick", action="store_true", help="one short round, in under two minutes")
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="such as W1,W4 (default: all)")
    parser.add_argument("--contestants", default=",".join(CONTESTANTS), help=f"of {', '.join(CONTESTANTS)}")
    parser.add_argument("--modes", default="one,all", help="one process on one core, as many as cores (default: both)")
    parser.add_argument("--node", type=Path, default=peers.NODE, help="the Node that Express and fastify run on")
    parser.add_argument("--own-load", action="store_true", help="do without wrk, also where it is installed")
    parser.add_argument("--output", type=Path, help="the folder to write to, instead of those")
    parser.add_argument("--rounds", type=int, help=f"how often (default: {FULL.rounds})")
    parser.add_argument("--seconds", type=int, help=f"how long each run takes (default: {FULL.seconds:g})")
    options = parser.parse_args(words)
    for option, known in (("workloads", WORKLOADS), ("contestants", CONTESTANTS), ("modes", machine.modes())):
        names = getattr(options, option).split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            parser.error(f"--{option}: there is no {', '.join(unknown)}; there are {', '.join(known)}")
        setattr(options, option, names)
    return options


def main(words: list[str]) -> int:
    """Run one contest. Exit status 1: there is nothing to measure, or not every answer was a good one."""
    options = parse_arguments(words)
    try:
        results = measure(options, shlex.join(["./run", "bench", *words]))
    except (BenchFailed, EmbeddedFailed) as exc:
        say(f"bench: {exc}")
        return 1
    folder = options.output or (HERE if is_whole(options) else UNPUBLISHED)
    publish(results, folder)
    say(f"Written to {folder}")
    return 1 if results.errors() else 0


def is_whole(options: argparse.Namespace) -> bool:
    """Say whether this is the contest that the page shows, rather than a look at a part of it."""
    parts = (options.workloads == [*WORKLOADS], options.contestants == [*CONTESTANTS], options.modes == ["one", "all"])
    return all(parts) and options.node == peers.NODE and not options.quick


def measure(options: argparse.Namespace, command: str) -> Results:
    """Do what the command line says. Raises `BenchFailed` and `EmbeddedFailed`."""
    base = QUICK if options.quick else FULL
    plan = Plan(options.rounds or base.rounds, options.seconds or base.seconds, base.warm_up_s)
    chosen = [CONTESTANTS[name] for name in options.contestants]
    if any(kind.needs_peers for kind in chosen):
        peers.install()
    present = [kind for kind in chosen if kind.absent() is None]
    runs: list[Run] = []
    with BenchDatabase() as database:
        arena = Arena(database, find_generator(database.folder, own=options.own_load), database.folder, options.node)
        for name in options.modes:
            workloads = [WORKLOADS[workload] for workload in options.workloads]
            runs += contest(arena, present, workloads, machine.modes()[name], plan)
        versions = {kind.name: kind(arena).version() for kind in present}
        generator, postgresql = arena.generator.name, machine.version_of(database.binaries.program("postgres"), "-V")
    return Results(
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command=command,
        machine={**machine.facts(), "PostgreSQL": postgresql, "load": generator},
        plan=describe(plan),
        titles=titles(present),
        versions=versions,
        absent={kind.title: kind.absent() or "" for kind in chosen if kind not in present} | ABSENT,
        runs=runs,
    )


def describe(plan: Plan) -> str:
    """Say how much was measured."""
    rounds = "One round" if plan.rounds == 1 else f"Medians of {plan.rounds} interleaved rounds"
    return f"{rounds}, {plan.seconds:g} s a run, {CONNECTIONS} connections."


def titles(present: list[type[Contestant]]) -> dict[str, str]:
    """Return what modes, workloads and contestants are called in a table."""
    return (
        {mode.name: mode.title for mode in machine.modes().values()}
        | {workload.name: workload.title for workload in WORKLOADS.values()}
        | {kind.name: kind.title for kind in present}
    )


def publish(results: Results, folder: Path) -> None:
    """Write numbers, picture and page; print the page's section."""
    folder.mkdir(exist_ok=True)
    section = to_markdown(results, "results.svg")
    (folder / "results.json").write_bytes(to_json(results))
    (folder / "results.svg").write_text(to_svg(results), encoding="utf-8")
    if folder == HERE:
        page = HERE / "README.md"
        page.write_text(put_into(page.read_text(encoding="utf-8"), section), encoding="utf-8")
    else:
        (folder / "results.md").write_text(section + "\n", encoding="utf-8")
    print(section)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
