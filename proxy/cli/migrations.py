"""`apply_migrations.py`: its command line.

Exit status: 0 done, 1 a failure or a database that has parted from its files,
2 wrong usage, 3 all is applied and a policy does not fit.
"""

import argparse
import asyncio
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from proxy.cli import migrations_new
from proxy.cli.console import HelpFormatter, add_json
from proxy.cli.migrations_report import Output
from proxy.cli.migrations_run import Job, run_all
from proxy.cli.policy_files import add_gateway_role
from proxy.migrations.files import MigrationsInvalid, load_folder
from proxy.migrations.ssh import POSTGRES

DESCRIPTION = """\
Apply what is pending of migrations/<database>/NNN_description.sql, in order.

Each file runs in one transaction together with its row in the table
schema_migrations of its database: both are there afterwards, or neither is.
A file's own BEGIN and COMMIT change nothing in that. When a file fails, those
before it stay applied; it and those after it are not. A file whose first line
is  -- apply: no-transaction  runs statement by statement (CREATE INDEX
CONCURRENTLY needs that); if it fails half-way, nothing runs until somebody has
said --resolve."""

EPILOG = """\
where the server is:
  As for psql: PGHOST, PGPORT, PGUSER, PGPASSFILE and their kin, or --url.
  From elsewhere --ssh user@host: the system's ssh with your own keys and
  config carries the connection, and logs in to PostgreSQL as that user.
  The login should own the database, or be a superuser.

examples:
  sudo -u postgres ./apply_migrations.py --create
      on the server, as its superuser: every database that has a folder; those
      that are missing are made
  ./apply_migrations.py --status callmeback
      what is applied (when, by whom, how long it took) and what is pending
  ./apply_migrations.py --dry-run callmeback
      print what would run, and change nothing
  ./apply_migrations.py --ssh postgres@db.example.org --with-policies callmeback
      from one's desk: apply what is pending, and then the rights of policies/
  ./apply_migrations.py new "add user preferences" callmeback
      make the next file: migrations/callmeback/010_add_user_preferences.sql
  ./apply_migrations.py callmeback --into callmeback_staging
      the same files, another database
  ./apply_migrations.py --baseline 009 callmeback
      the database is older than its migrations: 001 to 009 count as applied
  ./apply_migrations.py --resolve 012 retry callmeback
      012 had stopped half-way, and what it had done was undone by hand

Exit status: 0 done, 1 a failure or a changed file, 2 wrong usage, 3 all is
applied and a policy does not fit. docs/migrations.md tells the rest."""


def main(argv: Sequence[str] | None = None, *, home: Path) -> int:
    """Run one command line (default: the process's own) and return its exit status.

    `home` is the checkout, whose folders `migrations` and `policies` are read unless options say otherwise.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["new"]:
        return migrations_new.main(words[1:], home=home)
    parser = create_parser(home)
    arguments = parser.parse_args(words)
    output = Output(as_json=arguments.json)
    try:
        jobs = _find_jobs(arguments)
    except _UsageError as exc:
        parser.error(str(exc))
    except MigrationsInvalid as exc:
        return output.refuse(exc)
    try:
        return asyncio.run(run_all(jobs, arguments, output))
    except KeyboardInterrupt:
        output.complain("interrupted: what had begun was rolled back, if it ran in a transaction", "--status tells.")
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Python would complain once more while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def create_parser(home: Path) -> argparse.ArgumentParser:
    """Make the parser of everything but `new`."""
    parser = argparse.ArgumentParser(
        prog="apply_migrations.py",
        usage="%(prog)s [DATABASE …] [options]\n       %(prog)s new DESCRIPTION [DATABASE]",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("databases", nargs="*", metavar="DATABASE", help="a folder of migrations/ (default: all)")
    _add_modes(parser)
    _add_choices(parser, home)
    _add_server(parser)
    add_gateway_role(parser)
    add_json(parser)
    return parser


def _add_modes(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("instead of applying").add_mutually_exclusive_group()
    add = group.add_argument
    add("--status", action="store_true", help="list every migration with its state, and change nothing")
    add("--dry-run", action="store_true", help="print what would run, in full, and change nothing")
    add("--verify", action="store_true", help="check that the text of what is applied has not changed since")
    add("--baseline", type=_number, metavar="NNN", help="take over an existing database: count up to NNN as applied")
    add("--resolve", nargs=2, action=_Resolution, metavar=("NNN", "applied|retry"), help="end what stopped half-way")


def _add_choices(parser: argparse.ArgumentParser, home: Path) -> None:
    add = parser.add_argument_group("what is applied, and how").add_argument
    add("--to", type=_number, metavar="NNN", help="stop after number NNN")
    add("--create", action="store_true", help="create a database that does not exist")
    add("--into", metavar="NAME", help="the database's name, where it is not that of its folder")
    add("--allow-out-of-order", action="store_true", help="apply a file whose number is below one that is applied")
    add("--lock-timeout", type=_seconds, default=3.0, metavar="S", help="give up a lock after S seconds (default: 3)")
    add("--lock-retries", type=_number, default=10, metavar="N", help="… and try again N times (default: %(default)s)")
    add("--with-policies", action="store_true", help="then apply the rights of its policies, as `policy sql` has them")
    policies = Path(os.environ.get("PROXY_POLICIES") or home / "policies")
    add("--policies", type=Path, default=policies, metavar="DIR", help="… in DIR (default: %(default)s)")
    add("--folder", type=Path, default=home / "migrations", help="where the folders are (default: %(default)s)")


def _add_server(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("where the server is").add_argument
    add("--url", help="postgresql://[user@]host[:port]; a password is safer in PGPASSFILE, which nobody sees in ps")
    add("--ssh", metavar="USER@HOST", help="reach it by ssh, as your ssh config says; nothing is asked")
    add(
        "--ssh-postgres",
        type=_address,
        default=POSTGRES,
        metavar="ADDR",
        help="where PostgreSQL is as seen from there: a socket's path or host:port (default: %(default)s)",
    )
    add("--ssh-config", type=Path, metavar="FILE", help="another ssh config than your own")


class _UsageError(Exception):
    """A command line that cannot be meant."""


class _Resolution(argparse.Action):
    """Takes `--resolve NNN applied|retry` apart."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Check both words."""
        number, how = values if isinstance(values, list) else ("", "")
        if how not in {"applied", "retry"}:
            parser.error(f"argument {option_string}: {how!r} is neither applied nor retry")
        try:
            setattr(namespace, self.dest, (_number(number), how))
        except argparse.ArgumentTypeError as exc:
            parser.error(f"argument {option_string}: {exc}")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number such as 009")
    return int(text)


def _address(text: str) -> str:
    if not text.startswith("/") and not re.fullmatch(r"[^/\s]+:[0-9]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a socket's path nor host:port")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text.removesuffix("s"))
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds such as 3 or 0.5")
    return seconds


def _find_jobs(arguments: argparse.Namespace) -> list[Job]:
    """Read the files of every database that is asked for, before any of them is touched."""
    folder: Path = arguments.folder
    there = migrations_new.find_databases(folder)
    if there is None:
        raise _UsageError(f"there is no folder {folder}: run this in the checkout, or say --folder")
    names: list[str] = list(dict.fromkeys(arguments.databases)) or there
    for name in names:
        if name not in there:
            raise _UsageError(f"there is no folder {folder / name}; there are: {', '.join(there) or 'none'}")
    for option in ("into", "baseline", "resolve"):
        if getattr(arguments, option) is not None and len(names) != 1:
            raise _UsageError(f"--{option} takes exactly one DATABASE")
    return [Job(arguments.into or name, folder / name, load_folder(folder / name)) for name in names]
