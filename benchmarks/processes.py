"""Programs that are measured: started on their cores, with their output in a file, and metered from outside."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from proxy.embedded import die_with_parent

STOP_TIMEOUT_S = 20.0


class BenchFailed(Exception):  # noqa: N818 - reads as what happened
    """There is nothing to measure; the message says why."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a program and its children have used so far: processor time, and memory at present.

    Memory is resident memory, a page that several processes share divided
    among them (PSS); where the system does not tell that, resident memory.
    """

    cpu_s: float
    memory_bytes: int


class _InChild:
    """What a child does before `exec`: it takes its cores, and asks to end with us."""

    def __init__(self, cores: tuple[int, ...]) -> None:
        self._cores = cores
        self._die_with_parent = die_with_parent()

    def __call__(self) -> None:
        if self._cores:
            os.sched_setaffinity(0, self._cores)
        if self._die_with_parent is not None:
            self._die_with_parent()


class Service:
    """A program in the background, with its output in `log`. It ends with us."""

    def __init__(
        self, command: Sequence[str | Path], environ: Mapping[str, str], log: Path, cores: tuple[int, ...] = ()
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in the terminal reaches us, and we stop it
                preexec_fn=_InChild(cores),
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def usage(self) -> Usage:
        """Return what it and its children have used so far."""
        return usage_of(self.pid)

    def resident_bytes(self) -> int:
        """Return the program's own resident memory, cheaply enough to ask all the time."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def freeze(self) -> None:
        """Let it do nothing at all until `thaw`, or `stop`."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def last_words(self) -> str:
        """Return the end of what it said."""
        return self.log.read_text(errors="replace")[-1500:].strip()

    def stop(self) -> None:
        """Stop it. Harmless when it has ended."""
        self._process.terminate()
        self.thaw()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def usage_of(pid: int) -> Usage:
    """Return what a process and its children have used so far."""
    cpu_s, memory = 0.0, 0
    for process in family(pid):
        try:
            times, info = process.cpu_times(), process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        cpu_s += times.user + times.system
        memory += getattr(info, "pss", info.rss)
    return Usage(cpu_s, memory)


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all its descendants."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def run_on(command: Sequence[str | Path], cores: tuple[int, ...], environ: Mapping[str, str] | None = None) -> str:
    """Run a program to its end on these cores and return what it prints. Raises `BenchFailed` with its last words."""
    done = subprocess.run(
        command,
        env={**os.environ, **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_InChild(cores),
    )
    if done.returncode != 0:
        raise BenchFailed(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout)[-1500:].strip()}")
    return done.stdout
