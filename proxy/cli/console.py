"""What every command shares: failing in words, help that keeps its layout, JSON for scripts."""

import argparse
import sys
from typing import Any

import orjson


class CommandFailed(Exception):  # noqa: N818 - the domain's word
    """The command could not do its work: exit status 1. `hint` says what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(CommandFailed):
    """The command was called wrongly, beyond what the argument parser sees: exit status 2."""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help whose examples keep their lines."""


def complain(message: str, hint: str | None = None) -> None:
    """Say on standard error what went wrong and what to do."""
    print(f"database-proxy: {message}", file=sys.stderr)
    if hint:
        print(f"  {hint}", file=sys.stderr)


def print_json(value: Any) -> None:
    """Print one value as indented JSON: what `--json` of any command gives."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Give a command its `--json`."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON, for scripts")


def subcommands(parser: argparse.ArgumentParser) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
    """Open a command's list of subcommands; give each its function with `set_defaults(run=…)`."""
    return parser.add_subparsers(metavar="SUBCOMMAND", required=True, title="subcommands")


def add_subcommand(
    group: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str, *, description: str
) -> argparse.ArgumentParser:
    """Add one subcommand. `description` is its long help; write examples into it."""
    return group.add_parser(name, help=summary, description=description, formatter_class=HelpFormatter)
