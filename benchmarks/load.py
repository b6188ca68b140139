"""The load: requests sent by wrk where it is installed, else by a generator of our own, about as fast.

Each connection sends the next request when the last one is answered.
"""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.machine import version_of
from benchmarks.processes import BenchFailed, run_on

CONNECTIONS = 16
_WRK_SCRIPT = Path(__file__).resolve().parent / "wrk.lua"


@dataclass(frozen=True, slots=True)
class Request:
    """One POST request with a JSON body."""

    path: str
    headers: Mapping[str, str]
    body: str

    def raw(self) -> str:
        """Spell it as it goes over the wire, in HTTP/1.1."""
        headers = {"Host": "127.0.0.1", **self.headers, "Content-Length": str(len(self.body.encode()))}
        lines = [f"POST {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", self.body])


@dataclass(frozen=True, slots=True)
class Load:
    """What became of the requests: how many were answered, and the latencies at two percentiles, in milliseconds.

    `errors` counts answers other than 2xx and connections that broke.
    """

    requests: int
    errors: int
    seconds: float
    p50_ms: float
    p99_ms: float


class Generator(Protocol):
    """What sends requests."""

    name: str

    def run(
        self,
        port: int,
        requests: Sequence[Request],
        seconds: float,
        cores: tuple[int, ...],
        *,
        connections: int = CONNECTIONS,
    ) -> Load:
        """Send these requests in turn to a port of this machine, for so long."""


class Wrk:
    """wrk with a script: its requests are made beforehand, as they go over the wire."""

    def __init__(self, program: str, folder: Path) -> None:
        self.name = version_of(program, "--version").split(" Copyright")[0]
        self._program = program
        self._file = folder / "requests.lua"

    def run(
        self,
        port: int,
        requests: Sequence[Request],
        seconds: float,
        cores: tuple[int, ...],
        *,
        connections: int = CONNECTIONS,
    ) -> Load:
        """Send them; JSON's spelling of these texts, which are ASCII, is Lua's as well."""
        texts = ",\n".join(json.dumps(request.raw()) for request in requests)
        self._file.write_text(f"return {{{texts}}}\n", encoding="ascii")
        # It takes whole seconds and no less than one.
        options = [f"--connections={connections}", "--threads=1", f"--duration={max(1, round(seconds))}s"]
        command: list[str | Path] = [
            self._program,
            *options,
            "--timeout=30s",
            "-s",
            _WRK_SCRIPT,
            f"http://127.0.0.1:{port}/",
        ]
        return parse_load(run_on(command, cores, {"REQUESTS": str(self._file)}))


class OwnGenerator:
    """`benchmarks.generator`, in a process of its own."""

    name = "benchmarks/generator.py"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "requests.json"

    def run(
        self,
        port: int,
        requests: Sequence[Request],
        seconds: float,
        cores: tuple[int, ...],
        *,
        connections: int = CONNECTIONS,
    ) -> Load:
        """Send them."""
        texts = [request.raw() for request in requests]
        order = {"port": port, "connections": connections, "seconds": seconds, "requests": texts}
        self._file.write_text(json.dumps(order), encoding="utf-8")
        return parse_load(run_on([sys.executable, "-m", "benchmarks.generator", self._file], cores))


def find_generator(folder: Path, *, own: bool = False) -> Generator:
    """Return wrk where it is installed and not unwanted; `folder` is for a generator's files."""
    wrk = None if own else shutil.which("wrk")
    return Wrk(wrk, folder) if wrk else OwnGenerator(folder)


def parse_load(output: str) -> Load:
    """Read what a generator printed: a JSON object on its last line. Raises `BenchFailed`."""
    last = next(reversed(output.strip().splitlines()), "")
    try:
        return Load(**json.loads(last))
    except (ValueError, TypeError) as exc:
        raise BenchFailed(f"the load generator said no numbers: {output[-500:].strip()}") from exc


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return a percentile of values in ascending order; 0 of none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0
