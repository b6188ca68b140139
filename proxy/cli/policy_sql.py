"""`policy sql`: the script that makes a login's rights in PostgreSQL equal to its policy file."""

import argparse

from proxy.cli.console import UsageError, add_subcommand
from proxy.cli.policy_files import add_folder, add_gateway_role, find_file, load_policy
from proxy.policy.ddl import wall_two

DESCRIPTION = """\
Prints the SQL that makes the login and gives it what the file grants, to the
column, with row-level security for `rows`; whatever else the login had is
taken away. It also lets the gateway's own role in, as the second reader of
statements, without a right on any data. It can run again at any time. It sets
no password: give the roles theirs yourself, or let them log in as the
server's pg_hba.conf says.

Run it as a superuser in the tenant's database. docs/wall-two.md says what it
changes for other roles of that database.

examples:
  database-proxy policy sql callmeback
  database-proxy policy sql callmeback | psql -v ON_ERROR_STOP=1 -d callmeback"""


def add(group: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = add_subcommand(
        group, "sql", "print the rights in PostgreSQL that a file stands for", description=DESCRIPTION
    )
    parser.add_argument("policy", metavar="TENANT|FILE", help="a tenant of the folder, or a policy file")
    add_folder(parser)
    add_gateway_role(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the script as one transaction."""
    policy = load_policy(find_file(arguments.policy, arguments.policies))
    if policy.login == arguments.gateway_role:
        raise UsageError(
            f"{policy.login} is the tenant's login, and cannot be the gateway's role too",
            "Name the gateway's own role with --gateway-role: the one of PROXY_CONTROL_URL.",
        )
    print(f"BEGIN;\n\n{wall_two(policy, arguments.gateway_role)}\nCOMMIT;")
    return 0
