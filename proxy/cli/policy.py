"""`policy`: check, test and explain policy files; print and compare what they grant."""

import argparse

from proxy.cli import policy_check, policy_diff, policy_explain, policy_sql, policy_test
from proxy.cli.console import subcommands

DESCRIPTION = "A policy file says what a tenant may do. These commands read, try and compare such files."

EXAMPLES = """\
examples:
  database-proxy policy check                                   every file of the folder policies/
  database-proxy policy check --database postgresql://postgres@localhost
                                                                … and the real database too
  database-proxy policy test callmeback                         the tests that the file carries
  database-proxy policy explain --tenant callmeback --role persona-manager "SELECT * FROM users"
  database-proxy policy sql callmeback | psql -v ON_ERROR_STOP=1 -d callmeback
  database-proxy policy diff old.yaml new.yaml                  what a change grants or takes

The folder is PROXY_POLICIES, or policies/; --policies names another."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands, in the order of their use."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    group = subcommands(parser)
    for module in (policy_check, policy_test, policy_explain, policy_sql, policy_diff):
        module.add(group)
