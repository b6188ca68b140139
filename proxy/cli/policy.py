"""`policy`: check, test, explain, print and compare policy files."""

import argparse

from proxy.cli.console import subcommands


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    subcommands(parser)
