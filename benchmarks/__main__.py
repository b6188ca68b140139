"""`./run bench`: start everything, measure, write down."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import large, machine, misses, peers, scale
from benchmarks.contestants import ABSENT, CONTESTANTS, QUICK_CONTESTANTS, Arena, Contestant, Express
from benchmarks.database import BenchDatabase
from benchmarks.load import find_generator
from benchmarks.machine import say
from benchmarks.measure import FULL, QUICK, Plan, contest
from benchmarks.plot import to_svg
from benchmarks.processes import BenchFailed
from benchmarks.report import Circumstances, Results, put_into, section, to_json, to_markdown
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
    parser.add_argument("--quick", action="store_true", help="one short round of fewer, in under two minutes")
    parser.add_argument(
        "--scale", action="store_true", help="instead: the gateway alone, with many policies and tenants"
    )
    parser.add_argument("--large", action="store_true", help="instead: the gateway alone, with answers of 50 MB")
    parser.add_argument("--misses", action="store_true", help="instead: what new statements cost, and attacks")
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="such as W1,W4 (default: all)")
    parser.add_argument("--contestants", help=f"of {', '.join(CONTESTANTS)} (--quick: {', '.join(QUICK_CONTESTANTS)})")
    parser.add_argument("--modes", default="one,all", help="one process on one core, as many as cores (default: both)")
    parser.add_argument("--node", type=Path, default=peers.NODE, help="the Node that `express` and `fastify` run on")
    parser.add_argument("--own-load", action="store_true", help="do without wrk, also where it is installed")
    parser.add_argument("--output", type=Path, help="the folder to write to, instead of those")
    parser.add_argument("--rounds", type=int, help=f"how often (default: {FULL.rounds})")
    parser.add_argument("--seconds", type=int, help=f"how long each run takes (default: {FULL.seconds:g})")
    options = parser.parse_args(words)
    options.contestants = options.contestants or ",".join(QUICK_CONTESTANTS if options.quick else CONTESTANTS)
    for option, known in (("workloads", WORKLOADS), ("contestants", CONTESTANTS), ("modes", machine.modes())):
        names = getattr(options, option).split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            parser.error(f"--{option}: there is no {', '.join(unknown)}; there are {', '.join(known)}")
        setattr(options, option, names)
    return options


def main(words: list[str]) -> int:
    """Measure. Exit status 1: there is nothing to measure, or not every answer was a good one."""
    options = parse_arguments(words)
    command = shlex.join(["./run", "bench", *words])
    try:
        if options.scale:
            return measure_scale(options, command)
        if options.large:
            return measure_large(options, command)
        if options.misses:
            return measure_misses(options, command)
        return measure_contest(options, command)
    except (BenchFailed, EmbeddedFailed) as exc:
        say(f"bench: {exc}")
        return 1


def is_whole(options: argparse.Namespace) -> bool:
    """Say whether this is what the page shows, rather than a look at a part of it."""
    parts = (options.workloads == [*WORKLOADS], options.contestants == [*CONTESTANTS], options.modes == ["one", "all"])
    return all(parts) and options.node == peers.NODE and not options.quick


def measure_contest(options: argparse.Namespace, command: str) -> int:
    """Hold the contest and publish its results."""
    base = QUICK if options.quick else FULL
    plan = Plan(options.rounds or base.rounds, options.seconds or base.seconds, base.warm_up_s)
    chosen = [CONTESTANTS[name] for name in options.contestants]
    if any(kind.needs_peers for kind in chosen):
        peers.install()
    present = [kind for kind in chosen if kind.absent() is None]
    runs: list[Run] = []
    with BenchDatabase() as database:
        arena = create_arena(database, options)
        for name in options.modes:
            workloads = [WORKLOADS[workload] for workload in options.workloads]
            runs += contest(arena, present, workloads, machine.modes()[name], plan)
        contestants = [kind(arena) for kind in present]
        results = Results(
            circumstances(arena, command, f"{medians_of(plan.rounds)}, {plan.seconds:g} s a run."),
            titles=titles(contestants),
            versions={contestant.name: contestant.version() for contestant in contestants},
            absent={kind.name: kind.absent() or "" for kind in chosen if kind not in present} | ABSENT,
            references={one.name: one.line for one in contestants if isinstance(one, Express)},
            runs=runs,
        )
    folder = folder_of(options)
    (folder / "results.svg").write_text(to_svg(results), encoding="utf-8")
    publish("results", to_markdown(results, "results.svg"), results, folder)
    return 1 if results.errors() else 0


def measure_scale(options: argparse.Namespace, command: str) -> int:
    """Measure many policies and many tenants, and publish that."""
    base = scale.QUICK if options.quick else scale.FULL
    sizes = replace(base, rounds=options.rounds or base.rounds, seconds=options.seconds or base.seconds)
    with BenchDatabase(scale.POSTGRESQL) as database:
        arena = create_arena(database, options)
        measured = scale.measure(arena, machine.modes()["one"], sizes)
        plan = f"{medians_of(sizes.rounds)}, {sizes.seconds:g} s a run of W1."
        lines = [*circumstances(arena, command, plan).to_markdown(), *scale.to_markdown(measured)]
    publish("scale", lines, measured, folder_of(options))
    return 1 if measured.errors else 0


def measure_large(options: argparse.Namespace, command: str) -> int:
    """Measure large answers beside small ones, and publish that."""
    seconds = options.seconds or (2 if options.quick else 10)
    with BenchDatabase() as database:
        arena = create_arena(database, options)
        measured = large.measure(arena, machine.modes()["one"], seconds)
        lines = [*circumstances(arena, command, f"{seconds} s each.").to_markdown(), *large.to_markdown(measured)]
    publish("large", lines, measured, folder_of(options))
    return 0


def measure_misses(options: argparse.Namespace, command: str) -> int:
    """Measure the way to a verdict, and what an attack on it does to others, and publish that."""
    seconds, rounds = options.seconds or (1 if options.quick else 4), options.rounds or (1 if options.quick else 5)
    measured = misses.measure(40 if options.quick else 200, rounds, seconds)
    plan = f"Medians; {rounds} rounds of {seconds:g} s calm and {seconds:g} s attacked."
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [*Circumstances(when, command, machine.facts(), plan).to_markdown(), *misses.to_markdown(measured)]
    publish("misses", lines, measured, folder_of(options))
    return 0


def create_arena(database: BenchDatabase, options: argparse.Namespace) -> Arena:
    """Put together what all contestants share."""
    return Arena(database, find_generator(database.folder, own=options.own_load), database.folder, options.node)


def circumstances(arena: Arena, command: str, plan: str) -> Circumstances:
    """Say what has to be known to read the numbers."""
    postgresql = machine.version_of(arena.database.binaries.program("postgres"), "-V")
    facts = {**machine.facts(), "PostgreSQL": postgresql, "load by": arena.generator.name}
    return Circumstances(datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), command, facts, plan)


def medians_of(rounds: int) -> str:
    """Say how often it was measured."""
    return "One round" if rounds == 1 else f"Medians of {rounds} interleaved rounds"


def titles(contestants: Sequence[Contestant]) -> dict[str, str]:
    """Return what modes, workloads and contestants are called in a table."""
    return (
        {mode.name: mode.title for mode in machine.modes().values()}
        | {workload.name: workload.title for workload in WORKLOADS.values()}
        | {contestant.name: contestant.title for contestant in contestants}
    )


def folder_of(options: argparse.Namespace) -> Path:
    """Return where to write; made if it is not there."""
    folder: Path = options.output or (HERE if is_whole(options) else UNPUBLISHED)
    folder.mkdir(exist_ok=True)
    return folder


def publish(name: str, lines: list[str], results: Any, folder: Path) -> None:
    """Write the numbers, and the page's section of this name; print that as well."""
    (folder / f"{name}.json").write_bytes(to_json(results))
    if folder == HERE:
        page = HERE / "README.md"
        page.write_text(put_into(page.read_text(encoding="utf-8"), name, lines), encoding="utf-8")
    else:
        (folder / f"{name}.md").write_text(section(name, lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    say(f"Written to {folder}")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
