"""`policy test`: the tests that policy files carry."""

import argparse
from typing import Any

from proxy.cli.console import CommandFailed, add_json, add_subcommand, print_json
from proxy.cli.policy_files import add_folder, find_files, read_files
from proxy.policy.model import Policy, PolicyTest
from proxy.vetting import vet
from proxy.vetting.verdict import Denied

DESCRIPTION = """\
Judges each statement under `tests` of a policy file and compares with what the
file expects. Nothing runs, and no database is needed.

Exit status: 0 all as expected, 1 a test failed, 2 wrong usage.

examples:
  database-proxy policy test
  database-proxy policy test callmeback --json"""


def add(group: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = add_subcommand(group, "test", "run the tests that policy files carry", description=DESCRIPTION)
    parser.add_argument("files", nargs="*", metavar="TENANT|FILE", help="files or tenants (default: the whole folder)")
    add_folder(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the tests, print what failed, and return 1 if anything did."""
    files = read_files(find_files(arguments.files, arguments.policies))
    faults = [str(fault) for file in files for fault in file.faults]
    if faults:
        raise CommandFailed("\n".join(faults))
    reports = [(file.path, file.policy, _failures(file.policy)) for file in files if file.policy]
    failed = any(failures for _, _, failures in reports)
    if arguments.json:
        print_json(
            {
                "ok": not failed,
                "files": [
                    {"file": str(path), "tests": len(policy.tests), "failures": failures}
                    for path, policy, failures in reports
                ],
            }
        )
        return int(failed)
    for path, policy, failures in reports:
        for failure in failures:
            print(f"{path}:{failure['line']}: {failure['message']}\n  {failure['sql']}")
        print(f"{path}: {len(policy.tests) - len(failures)} of {len(policy.tests)} tests passed")
    return int(failed)


def _failures(policy: Policy) -> list[dict[str, Any]]:
    judged = ((test, _wrong(policy, test)) for test in policy.tests)
    return [
        {"line": test.line, "role": test.role, "sql": test.sql, "message": message}
        for test, message in judged
        if message is not None
    ]


def _wrong(policy: Policy, test: PolicyTest) -> str | None:
    """Say in what a verdict differs from what the test expects, or None."""
    verdict = vet(test.sql, policy, test.role)
    # In mode `observe` a denial is let through; the test is about what the file grants.
    denied = verdict if isinstance(verdict, Denied) else verdict.observed
    match denied:
        case None if test.expect == "deny":
            return f"{test.role} is allowed this, and the test expects a denial"
        case Denied() if test.expect == "allow":
            return f"{test.role} is denied this ({denied.rule}: {denied.message})"
        case Denied() if test.rule is not None and denied.rule != test.rule:
            return f"denied by {denied.rule} ({denied.message}), and the test expects {test.rule}"
    return None
