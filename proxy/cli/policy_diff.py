"""`policy diff`: what a change of a policy file grants or takes, in words."""

import argparse

from proxy.cli.console import add_json, add_subcommand, print_json
from proxy.cli.policy_files import add_folder, find_file, load_policy
from proxy.policy.diff import diff

DESCRIPTION = """\
Compares two versions of a policy and tells what the newer one grants (+),
takes (-) or changes (~). Comments, order and tests give no rights and are not
told.

Exit status: 0 no difference, 1 a difference, 2 wrong usage.

examples:
  database-proxy policy diff old.yaml policies/callmeback.yaml
  git show main:policies/callmeback.yaml > /tmp/old.yaml
  database-proxy policy diff /tmp/old.yaml callmeback --json"""


def add(group: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = add_subcommand(group, "diff", "tell what a change grants or takes", description=DESCRIPTION)
    parser.add_argument("old", metavar="OLD", help="a file or a tenant")
    parser.add_argument("new", metavar="NEW", help="a file or a tenant")
    add_folder(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the differences, and return 1 if there is any."""
    old, new = (load_policy(find_file(name, arguments.policies)) for name in (arguments.old, arguments.new))
    changes = diff(old, new)
    if arguments.json:
        print_json([change._asdict() for change in changes])
    elif changes:
        print("\n".join(str(change) for change in changes))
    else:
        print("no difference in what is allowed")
    return 1 if changes else 0
