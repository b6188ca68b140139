"""The command behind `apply_migrations.py`: which databases, what to do with each, and what to tell of it.

Exit status: 0 done, 1 a failure or a database that has parted from its files, 2 wrong usage.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy.cli import migrations_report as report
from proxy.cli.console import HelpFormatter
from proxy.database.admin import MISSING_DATABASE, AdminConnection, connect_admin
from proxy.errors import Refusal, StatementFailed
from proxy.migrations.files import Migration, MigrationsInvalid, load_folder
from proxy.migrations.history import load_history
from proxy.migrations.plan import compare, pending
from proxy.migrations.runner import MigrationFailed, check_scripts, migrate

DESCRIPTION = """\
Apply what is pending of migrations/<database>/NNN_description.sql, in order.

Each file runs in one transaction together with its row in the table
schema_migrations of its database: both are there afterwards, or neither is.
A file's own BEGIN and COMMIT change nothing in that. When a file fails, those
before it stay applied; it and those after it are not."""

EPILOG = """\
where the server is:
  As for psql: PGHOST, PGPORT, PGUSER, PGPASSFILE and their kin, or --url.
  The login should own the database, or be a superuser.

examples:
  sudo -u postgres ./apply_migrations.py --create callmeback
      on the server, as its superuser; the database is made if it is missing
  ./apply_migrations.py --status
      what is applied and what is pending, in every database that has a folder
  ./apply_migrations.py --dry-run callmeback
      print what would run
  ./apply_migrations.py callmeback --into callmeback_staging
      the same files, another database

Exit status: 0 done, 1 a failure or a changed file, 2 wrong usage."""


@dataclass(frozen=True, slots=True)
class Job:
    """One database and the files of its folder."""

    database: str
    folder: Path
    files: tuple[Migration, ...]


def main(argv: Sequence[str] | None = None, *, home: Path) -> int:
    """Run one command line (default: the process's own) and return its exit status.

    `home` is the checkout, whose folder `migrations` is read unless --folder says otherwise.
    """
    parser = create_parser(home)
    arguments = parser.parse_args(argv)
    try:
        jobs = _find_jobs(arguments)
    except _UsageError as exc:
        parser.error(str(exc))
    except MigrationsInvalid as exc:
        return report.complain(exc.message, exc.hint)
    try:
        return asyncio.run(_run_all(jobs, arguments))
    except KeyboardInterrupt:
        report.complain("interrupted: a file that had begun was rolled back", "Run it again to go on.")
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Python would complain once more while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def create_parser(home: Path) -> argparse.ArgumentParser:
    """Make the parser."""
    parser = argparse.ArgumentParser(
        prog="apply_migrations.py", description=DESCRIPTION, epilog=EPILOG, formatter_class=HelpFormatter
    )
    add = parser.add_argument
    add("databases", nargs="*", metavar="DATABASE", help="a folder of migrations/ (default: each of them)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="list every migration with its state, and change nothing")
    what.add_argument("--dry-run", action="store_true", help="print what would run, in full, and change nothing")
    add("--to", type=_number, metavar="NNN", help="stop after number NNN")
    add("--create", action="store_true", help="create a database that does not exist")
    add("--into", metavar="NAME", help="the database's name, where it is not that of its folder")
    add("--url", help="postgresql://[user@]host[:port]; a password is safer in PGPASSFILE, which nobody sees in ps")
    add("--folder", type=Path, default=home / "migrations", help="where the folders are (default: %(default)s)")
    add("--allow-out-of-order", action="store_true", help="apply a file whose number is below one that is applied")
    return parser


class _UsageError(Exception):
    """A command line that cannot be meant."""


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number such as 009")
    return int(text)


def _find_jobs(arguments: argparse.Namespace) -> list[Job]:
    """Read the files of every database that is asked for, before any of them is touched."""
    folder: Path = arguments.folder
    if not folder.is_dir():
        raise _UsageError(f"there is no folder {folder}: run this in the checkout, or say --folder")
    there = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    names: list[str] = list(dict.fromkeys(arguments.databases)) or there
    for name in names:
        if name not in there:
            raise _UsageError(f"there is no folder {folder / name}; there are: {', '.join(there) or 'none'}")
    if arguments.into and len(names) != 1:
        raise _UsageError("--into takes exactly one DATABASE")
    return [Job(arguments.into or name, folder / name, load_folder(folder / name)) for name in names]


async def _run_all(jobs: Sequence[Job], arguments: argparse.Namespace) -> int:
    """Work on one database after the other; after a failure the rest is left alone, and named."""
    status = 0
    for number, job in enumerate(jobs):
        try:
            status = max(status, await _run(job, arguments))
        except (MigrationsInvalid, MigrationFailed, Refusal, StatementFailed) as exc:
            report.failed(job.database, exc)
            report.not_tried([rest.database for rest in jobs[number + 1 :]])
            return 1
    return status


async def _run(job: Job, arguments: argparse.Namespace) -> int:
    connection = await _connect(job.database, arguments)
    if connection is None:
        return _rehearse(job, arguments, pending(compare(job.files, ()), to=arguments.to))
    async with connection:
        if arguments.status:
            return report.status(job.database, compare(job.files, await load_history(connection)))
        if arguments.dry_run:
            entries = compare(job.files, await load_history(connection))
            todo = pending(entries, to=arguments.to, out_of_order=arguments.allow_out_of_order)
            return _rehearse(job, arguments, todo)
        return await _migrate(job, connection, arguments)


async def _migrate(job: Job, connection: AdminConnection, arguments: argparse.Namespace) -> int:
    with report.Progress(job.database) as progress:
        done = await migrate(
            connection,
            job.files,
            to=arguments.to,
            out_of_order=arguments.allow_out_of_order,
            reporter=progress,
        )
        progress.finished(len(done))
    return 0


def _rehearse(job: Job, arguments: argparse.Namespace, todo: Sequence[Migration]) -> int:
    """Tell what would run, once it has been read as a run would read it."""
    if arguments.status:
        return report.status(job.database, compare(job.files, ()))
    check_scripts(todo)
    return report.would_run(job.database, todo)


async def _connect(database: str, arguments: argparse.Namespace) -> AdminConnection | None:
    """Log in; a missing database is created if that is asked for, or None where nothing may change."""
    try:
        return await connect_admin(database, arguments.url, report.notice)
    except Refusal as exc:
        if exc.code != MISSING_DATABASE:
            raise
        if not arguments.create:
            exc.hint = f"Create it (createdb {database}), or let this do it with --create."
            raise
    if arguments.status or arguments.dry_run:
        report.would_create(database)
        return None
    await _create(database, arguments.url)
    return await connect_admin(database, arguments.url, report.notice)


async def _create(database: str, url: str | None) -> None:
    quoted = database.replace('"', '""')
    async with await connect_admin("postgres", url) as connection:
        await connection.run(f'CREATE DATABASE "{quoted}"')
    report.created(database)
