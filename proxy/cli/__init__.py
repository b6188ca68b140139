"""The command line: one module a command, imported only when that command is asked for.

A command is one new file in this folder and one line in `COMMANDS`. Its module has

    configure(parser: argparse.ArgumentParser) -> None
        adds arguments, a `description` and, through `proxy.cli.console.subcommands`, subcommands
    run(arguments: argparse.Namespace) -> int
        does the work and returns the exit status; a command with subcommands has none, and
        gives each its own function by `set_defaults(run=…)`

Exit status: 0 done, 1 a finding or a failure, 2 wrong usage. Results go to
standard output, complaints to standard error.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from proxy import __version__
from proxy.cli.console import CommandFailed, HelpFormatter, UsageError, complain


class Command(NamedTuple):
    """A line of the list of commands: the module that carries it out, and what it is for."""

    module: str
    summary: str


# The order is that of a newcomer's first day.
COMMANDS: dict[str, Command] = {
    "demo": Command("proxy.cli.demo", "start PostgreSQL, an example schema and a gateway, and show them at work"),
    "serve": Command("proxy.cli.serve", "answer queries until told to stop"),
    "policy": Command("proxy.cli.policy", "check, test and explain policy files; print and compare what they grant"),
    "token": Command("proxy.cli.token", "make a token, or revoke one"),
    "key": Command("proxy.cli.key", "make, list and revoke API keys"),
    "purge": Command("proxy.cli.purge", "delete the rows that have expired"),
}

EXAMPLES = """\
examples:
  database-proxy policy check --policies policies
  database-proxy policy explain --tenant callmeback --role persona-manager "SELECT id FROM personas"

Every command explains itself: database-proxy COMMAND --help
Exit status: 0 done, 1 a finding or a failure, 2 wrong usage."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except UsageError as exc:
        complain(str(exc), exc.hint)
        return 2
    except CommandFailed as exc:
        complain(str(exc), exc.hint)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Python would complain once more while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _run(words: list[str]) -> int:
    """Parse the words with the parser of the command that they name, and call it."""
    arguments = create_parser(words[0] if words else None).parse_args(words)
    status: int = arguments.run(arguments)
    return status


def create_parser(name: str | None = None) -> argparse.ArgumentParser:
    """Make the parser; only the command called `name` is imported and gets its arguments."""
    parser = argparse.ArgumentParser(
        prog="database-proxy",
        description="SQL over HTTP for people who keep their own PostgreSQL.",
        epilog=EXAMPLES,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"database-proxy {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for command, (module, summary) in COMMANDS.items():
        sub = commands.add_parser(command, help=summary, formatter_class=HelpFormatter)
        if command == name:
            implementation = importlib.import_module(module)
            sub.set_defaults(run=getattr(implementation, "run", None))
            implementation.configure(sub)
    return parser
