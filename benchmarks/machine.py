"""The machine: its cores and who runs on which, and the facts that a table of numbers is worth nothing without."""

import contextlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.python_build import is_optimised  # both belong to the checkout


def _cores() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


# As we found them: later we keep to some of them ourselves.
_CORES = _cores()
# Other work that the machine had when we began: numbers made beside it are worth less.
_LOAD_AVERAGE = os.getloadavg()[0]


@dataclass(frozen=True, slots=True)
class Mode:
    """How contestants are run: in how many processes, on which cores, and on which everything else runs.

    No cores: wherever the operating system puts them.
    """

    name: str
    title: str
    processes: int
    contestant_cores: tuple[int, ...] = ()
    other_cores: tuple[int, ...] = ()


def modes() -> dict[str, Mode]:
    """Return the ways to run on this machine, by name.

    `one`: the contestant has the first core, PostgreSQL and the load
    generator the rest; a machine of one core has them all share it.
    """
    pinned = (_CORES[:1], _CORES[1:] or _CORES[:1]) if hasattr(os, "sched_setaffinity") else ((), ())
    return {
        "one": Mode("one", "One process on one core", 1, *pinned),
        "all": Mode("all", f"As many processes as cores ({len(_CORES)})", len(_CORES)),
    }


def pin(pids: Sequence[int], cores: tuple[int, ...]) -> None:
    """Keep running processes on these cores; on any, where none are named."""
    if hasattr(os, "sched_setaffinity"):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                os.sched_setaffinity(pid, cores or _CORES)


@contextlib.contextmanager
def going_first() -> Iterator[None]:
    """Have this process, and none that it starts, run whenever it wants to, where the system lets it.

    Who measures how long something takes is not to count what it waited for a processor itself. Usually, only root may.
    """
    goes_first = False
    with contextlib.suppress(AttributeError, OSError):  # another system than Linux, or not allowed
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        goes_first = True
    try:
        yield
    finally:
        if goes_first:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def facts() -> dict[str, str]:
    """Return what the reader has to know of the machine, by its title."""
    return {
        "cores": str(len(_CORES)),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load average before": f"{_LOAD_AVERAGE:.1f}",
        "Python": f"{platform.python_version()} ({platform.python_compiler()}), "
        f"{'an' if is_optimised() else 'not an'} optimised build",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def version_of(*command: str | Path) -> str:
    """Return the first line that a program prints, such as for `--version`; `unknown` where it does not run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return next(iter((done.stdout or done.stderr).splitlines()), "unknown").strip()


def say(line: str) -> None:
    """Tell whoever waits what is going on."""
    print(line, file=sys.stderr, flush=True)
