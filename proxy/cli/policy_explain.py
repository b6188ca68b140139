"""`policy explain`: one statement's verdict, why, and what to write to have it otherwise."""

import argparse
import asyncio
from dataclasses import asdict, dataclass, replace

from proxy.cli.console import CommandFailed, UsageError, add_json, add_subcommand, print_json
from proxy.cli.policy_files import add_folder, find_file, load_policy
from proxy.errors import Refusal
from proxy.policy.model import Policy
from proxy.policy.widen import Wanted, lines, widen
from proxy.vetting import vet
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Allowed, Denied, Touched

DESCRIPTION = """\
Judges one statement for a role of a tenant, and prints the verdict; of a
denial the rule, the place, and the lines that would grant it, or that nothing
can. The statement does not run. With --database the real tables' columns are
known, as they are to the gateway.

Exit status: 0 allowed, 1 denied, 2 wrong usage.

examples:
  database-proxy policy explain --tenant callmeback --role persona-manager "SELECT * FROM users"
  database-proxy policy explain --tenant callmeback --role persona-manager --json "DELETE FROM personas\""""


# Denials that come before what is granted can be judged.
_NOTHING = {
    "names-resolved": "It cannot be said what would grant this. With --database the tables' columns are known.",
    "syntax-known": "It cannot be read, so nothing can grant it.",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `--json` prints. `grant` holds lines of YAML; empty where nothing can grant the statement."""

    verdict: str
    runs: str | None = None
    rule: str | None = None
    message: str | None = None
    place: str | None = None
    hint: str | None = None
    grant: tuple[str, ...] = ()
    remains: str | None = None


def add(group: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = add_subcommand(group, "explain", "tell why a statement is allowed or denied", description=DESCRIPTION)
    parser.add_argument("--tenant", required=True, metavar="TENANT|FILE", help="a tenant of the folder, or a file")
    parser.add_argument("--role", default="default", help="a role of the policy (default: default)")
    parser.add_argument("--database", metavar="URL", help="read the tables' columns from PostgreSQL")
    add_folder(parser)
    add_json(parser)
    parser.add_argument("sql", metavar="SQL", help="the statement, in quotes")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation, and return 1 for a denial."""
    policy = load_policy(find_file(arguments.tenant, arguments.policies))
    if arguments.role not in policy.roles:
        raise UsageError(
            f'the policy of {policy.tenant} has no role "{arguments.role}"', f"Its roles: {', '.join(policy.roles)}."
        )
    catalog = asyncio.run(_catalog(arguments.database, policy)) if arguments.database else None
    explanation = explain(arguments.sql, policy, arguments.role, catalog)
    if arguments.json:
        print_json(asdict(explanation))
    else:
        print("\n".join(_spell(explanation, policy)))
    return 1 if explanation.verdict == "denied" else 0


def explain(sql: str, policy: Policy, role: str, catalog: Catalog | None = None) -> Explanation:
    """Judge a statement, and find out what the policy would have to say for it to be allowed."""
    verdict = vet(sql, policy, role, catalog)
    denied = verdict if isinstance(verdict, Denied) else verdict.observed
    runs = verdict.sql if isinstance(verdict, Allowed) else None
    if denied is None:
        return Explanation("allowed", runs)
    grant, remains = _what_would_grant(sql, policy, role, catalog)
    verdict_word = "observed" if runs is not None else "denied"
    return Explanation(
        verdict_word, runs, denied.rule, denied.message, denied.detail, denied.hint, tuple(grant), remains
    )


def _what_would_grant(sql: str, policy: Policy, role: str, catalog: Catalog | None) -> tuple[list[str], str | None]:
    """Return the lines that grant a statement, and what would still stand against it; tried out, not guessed."""
    observed = vet(sql, replace(policy, mode="observe"), role, catalog)
    if isinstance(observed, Denied):
        return [], None
    wider = widen(replace(policy, mode="enforce"), role, _wanted(observed.touched))
    verdict = vet(sql, wider, role, catalog)
    return lines(policy, wider, role), verdict.message if isinstance(verdict, Denied) else None


def _wanted(touched: Touched) -> Wanted:
    return Wanted(
        select=touched.reads,
        insert=touched.inserts,
        update=touched.updates,
        delete=touched.deletes,
        lock=touched.locks,
        unbounded=touched.unbounded,
        functions=touched.functions,
        types=touched.types,
    )


def _spell(explanation: Explanation, policy: Policy) -> list[str]:
    """Return what a terminal shows."""
    if explanation.verdict == "allowed":
        return ["allowed", f"  runs: {explanation.runs}"]
    place = f" ({explanation.place})" if explanation.place else ""
    shown = [f"{explanation.verdict} by {explanation.rule}{place}", f"  {explanation.message}"]
    if not explanation.grant:
        return [
            *shown,
            *([f"  {explanation.hint}"] if explanation.hint else []),
            "",
            "No line of a policy grants this.",
        ]
    shown += ["", f"To grant it, make {policy.source} say:", "", *explanation.grant]
    if explanation.remains:
        shown += ["", f"It would still be denied: {explanation.remains}"]
    return shown


async def _catalog(url: str, policy: Policy) -> Catalog:
    # Imported here: an explanation from the file alone needs no driver.
    from proxy.database.checks import read_catalog  # noqa: PLC0415

    try:
        return await read_catalog(url, policy)
    except Refusal as exc:
        raise CommandFailed(exc.message, exc.hint) from exc
