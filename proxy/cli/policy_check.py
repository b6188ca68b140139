"""`policy check`: every fault of policy files, and with `--database` every difference from the real thing."""

import argparse
import asyncio
from collections.abc import Iterator
from typing import Any

from proxy.cli.console import add_json, add_subcommand, print_json
from proxy.cli.policy_files import PolicyFile, add_folder, add_gateway_role, find_files, read_files
from proxy.errors import Refusal
from proxy.policy.check import conflicts
from proxy.policy.model import Policy
from proxy.policy.rights import Drift, tables
from proxy.policy.yaml_reader import Fault

DESCRIPTION = """\
Reads policy files and tells every fault of each with file, line and column.

With --database it also asks PostgreSQL, as the administrator of the URL: that
every table, column, function and the login exist, that every `rows` filter
parses, that the login's rights equal the file, and that the gateway's own role
can read statements there. A difference is
  missing   the file names what the database does not have
  less      the file grants what the login cannot do
  more      the login can do what the file does not grant: the gateway refuses
            to serve such a tenant
`policy sql` prints the script that makes the rights equal to the file.

A file that goes without the second reader is told of in a warning.

Exit status: 0 nothing found, 1 something found, 2 wrong usage.

examples:
  database-proxy policy check
  database-proxy policy check policies/callmeback.yaml --json
  database-proxy policy check --database postgresql://postgres@localhost"""


def add(group: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = add_subcommand(group, "check", "tell every fault of policy files", description=DESCRIPTION)
    parser.add_argument("files", nargs="*", metavar="FILE", help="files or tenants (default: the whole folder)")
    add_folder(parser)
    parser.add_argument("--database", metavar="URL", help="compare with PostgreSQL; the database is the policy's")
    add_gateway_role(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and return 1 if anything was found."""
    files = read_files(find_files(arguments.files, arguments.policies))
    beside = list(conflicts(file.policy for file in files if file.policy is not None))
    reports = [_report(file, beside, arguments.database, arguments.gateway_role) for file in files]
    sound = not any(report["faults"] or report["database"] for report in reports)
    if arguments.json:
        print_json({"ok": sound, "files": reports})
    else:
        for report, file in zip(reports, files, strict=True):
            _print(report, file)
    return 0 if sound else 1


def _report(file: PolicyFile, beside: list[Fault], url: str | None, role: str) -> dict[str, Any]:
    """Return what `--json` prints of one file."""
    faults = [*file.faults, *(fault for fault in beside if fault.source == str(file.path))]
    drifts = asyncio.run(_drift(url, file.policy, role)) if url and file.policy and not file.faults else []
    return {
        "file": str(file.path),
        "tenant": file.policy.tenant if file.policy else None,
        "faults": [
            {"line": fault.line, "column": fault.column, "message": fault.message, "hint": fault.hint}
            for fault in faults
        ],
        "warnings": list(_warnings(file.policy)) if file.policy else [],
        "database": [{"kind": kind, "message": message} for kind, message in drifts],
    }


def _warnings(policy: Policy) -> Iterator[str]:
    """Yield what a reviewer must not overlook, though it is no fault."""
    if policy.second_reader_off_because is not None:
        yield (
            "THE SECOND READER IS OFF: no verdict is held against PostgreSQL's own analysis"
            f" ({policy.second_reader_off_because})"
        )


async def _drift(url: str, policy: Policy, role: str) -> list[Drift]:
    # Imported here: a check of files alone needs no driver.
    from proxy.database.checks import find_drift  # noqa: PLC0415

    try:
        return await find_drift(url, policy, role)
    except Refusal as exc:
        return [Drift("missing", f"{exc.message} ({exc.hint})" if exc.hint else exc.message)]


def _print(report: dict[str, Any], file: PolicyFile) -> None:
    for fault in report["faults"]:
        print(Fault(report["file"], fault["line"], fault["column"], fault["message"], fault["hint"]))
    for warning in report["warnings"]:
        print(f"{report['file']}: warning: {warning}")
    for difference in report["database"]:
        print(f"{report['file']}: {difference['kind']}: {difference['message']}")
    if file.policy is not None and not report["faults"] and not report["database"]:
        print(f"{report['file']}: ok ({_size(file.policy)})")


def _size(policy: Policy) -> str:
    counts = (("role", len(policy.roles)), ("table", len(tables(policy))), ("test", len(policy.tests)))
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts)
