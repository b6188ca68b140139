"""The commands of `./run`: each sees to the virtual environment and starts one program in it.

A command is one function and one line in `COMMANDS`. Exit status: the
program's own; 2 for wrong usage or where no environment can be made.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, NoReturn

import environment
from environment import CHECKOUT, PYTHON, SetupFailed

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports", "--no-logo"),
)
LOCK_OPTIONS = ("--universal", "--generate-hashes", "--no-header", "--no-annotate", "--python-version", "3.11")


def start(*command: str | Path) -> NoReturn:
    """Become the command: its signals, its output and its exit status are ours."""
    sys.stdout.flush()
    os.execve(command[0], [str(word) for word in command], environment.environment())


def demo(arguments: list[str]) -> NoReturn:
    """Run the demo."""
    start(PYTHON, "-m", "proxy", "demo", *arguments)


def test(arguments: list[str]) -> NoReturn:
    """Run pytest in the checkout: with its arguments, or every test, spread over some processes."""
    os.chdir(CHECKOUT)
    start(PYTHON, "-m", "pytest", *(arguments or spread()))


def spread() -> list[str]:
    """Return what has pytest run tests at once.

    Each process starts a PostgreSQL of each version, so a large machine gets no more than four. Who is done takes
    half of what another still has: neighbours stay together, and with them what they share.
    """
    return [f"--numprocesses={min(os.cpu_count() or 1, 4)}", "--dist=worksteal"]


def fuzz(arguments: list[str]) -> NoReturn:
    """Hunt for statements that vetting misjudges."""
    start(PYTHON, CHECKOUT / "tests" / "hunt.py", *arguments)


def bench(arguments: list[str]) -> NoReturn:
    """Measure the gateway beside its peers."""
    start(PYTHON, "-m", "benchmarks", *arguments)


def profile(arguments: list[str]) -> NoReturn:
    """Say where the gateway's time goes."""
    start(PYTHON, "-m", "benchmarks.profile", *arguments)


def python(arguments: list[str]) -> NoReturn:
    """Run the environment's Python where the caller stands."""
    start(PYTHON, *arguments)


def check(arguments: list[str]) -> int:
    """Run every check, also after one has failed."""
    if arguments:
        return usage_error("check takes no arguments")
    os.chdir(CHECKOUT)
    failed = [command for command in CHECKS if not passes(command)]
    return 1 if failed else 0


def passes(command: tuple[str, ...]) -> bool:
    """Run one check and say how it went."""
    started = time.monotonic()
    print(f"$ {' '.join(command)}", flush=True)
    done = subprocess.run([PYTHON.with_name(command[0]), *command[1:]], env=environment.environment(), check=False)
    print(f"{'ok' if done.returncode == 0 else 'FAILED'} ({time.monotonic() - started:.1f} s)\n", flush=True)
    return done.returncode == 0


def lock(arguments: list[str]) -> int:
    """Write both lock files anew, with uv in a folder that goes away; they name no host."""
    os.chdir(CHECKOUT)
    with TemporaryDirectory() as folder:
        subprocess.run([PYTHON, "-m", "pip", "install", "-q", "--target", folder, "uv"], check=True)
        compiling = [Path(folder) / "bin" / "uv", "pip", "compile", *LOCK_OPTIONS, *arguments, "pyproject.toml"]
        for output, extra in (("requirements.lock", ["--all-extras"]), ("requirements-server.lock", [])):
            subprocess.run([*compiling, *extra, "-q", "-o", output], check=True, stdout=subprocess.DEVNULL)
            print(f"wrote {output}")
    return 0


class Command(NamedTuple):
    """What carries a command out, and what it is for."""

    function: Callable[[list[str]], int]
    summary: str


COMMANDS = {
    "demo": Command(demo, "start PostgreSQL, an example schema and a gateway, and show them at work"),
    "test": Command(test, "run every test, on the embedded PostgreSQL and each installed one (arguments go to pytest)"),
    "fuzz": Command(fuzz, "hunt with mutants of the corpus for a misjudged statement (--seconds N, --seed S)"),
    "bench": Command(bench, "measure the gateway beside bare proxies (--quick: under two minutes)"),
    "profile": Command(profile, "say where the gateway's microseconds go in a workload: ./run profile W1"),
    "check": Command(check, "run the linters, the type checker and the import contracts"),
    "python": Command(python, "run the environment's Python, such as: ./run python -m proxy policy check"),
    "lock": Command(lock, "write requirements.lock anew from pyproject.toml (arguments go to uv pip compile)"),
}


def help_text() -> str:
    """Return what `./run --help` prints."""
    lines = [f"  ./run {name:8}{command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: ./run COMMAND [ARGUMENT ...]",
            "",
            "Needs Python 3.11 or newer and nothing else. Each command makes .venv first when that is missing",
            "or older than requirements.lock; all of it stays in the checkout and the temp folder.",
            "",
            *lines,
            "",
            "./run demo --help tells more about the demo, ./run python -m proxy --help about the gateway's commands.",
        ]
    )


def usage_error(message: str) -> int:
    """Say what is wrong with the command line."""
    print(f"run: {message}; ./run --help lists the commands", file=sys.stderr)
    return 2


def main(words: list[str]) -> int:
    """Run one command line and return its exit status."""
    if not words or words[0] in {"-h", "--help", "help"}:
        print(help_text())
        return 0 if words else 2
    if words[0] not in COMMANDS:
        return usage_error(f"there is no command {words[0]}")
    try:
        environment.ensure()
    except SetupFailed as error:
        print(f"run: {error}", file=sys.stderr)
        return 2
    return COMMANDS[words[0]].function(words[1:])


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
