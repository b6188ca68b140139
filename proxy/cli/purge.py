"""`purge`: delete the rows that have expired, in every database that declares some."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from proxy.cli.console import CommandFailed, UsageError, add_json, complain, print_json
from proxy.database.admin import MISSING_DATABASE, AdminConnection, connect_admin
from proxy.errors import Refusal, StatementFailed
from proxy.expiry.document import FILE_NAME, Expiry, ExpiryInvalid
from proxy.expiry.files import ExpiryList, find_databases, load_lists
from proxy.expiry.fitness import Unfit, check
from proxy.expiry.purge import DEFAULT_BATCH_ROWS, SESSION, Purged, count_expired, purge
from proxy.progress import Progress

DESCRIPTION = """\
Deletes the rows that have expired, as migrations/<database>/expiry.yaml says:

  - {table: token_blacklist, column: expires_at}
  - {table: sessions, column: updated_at, keep: 24h, where: "status = 'ended'"}

The oldest rows go first, in batches of which each is a transaction of its own.
A batch takes no row that somebody else holds, so it may run while the gateway
serves, and twice at once. Every file is read before anything is deleted.

where the server is:
  As for psql: PGHOST, PGPORT, PGUSER, PGPASSFILE and their kin, or --url.
  The login needs SELECT, DELETE and UPDATE of one column on the tables; or it
  is a superuser.

examples:
  sudo -u postgres database-proxy purge --dry-run
      how many rows would go, in every database that declares some and is there
  sudo -u postgres database-proxy purge callmeback
      one database, which has to be there

Exit status: 0 done, 1 a table could not be purged, 2 wrong usage.
systemd/database-proxy-purge.timer runs it; docs/expiry.md tells more."""

MOST_BATCH_ROWS: Final = 100_000

Report = dict[str, Any]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = DESCRIPTION
    add = parser.add_argument
    add("databases", nargs="*", metavar="DATABASE", help="a folder of migrations/ (default: each with an expiry.yaml)")
    add("--dry-run", action="store_true", help="count what would go, and delete nothing")
    add("--batch", type=_batch_rows, default=DEFAULT_BATCH_ROWS, metavar="ROWS", help="rows in one transaction (1000)")
    add("--url", help="postgresql://[user@]host[:port]; a password is safer in PGPASSFILE, which nobody sees in ps")
    add("--folder", type=Path, default=Path("migrations"), help="where the folders are (default: %(default)s)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Purge each database, tell of it, and return 1 if anything could not be done."""
    lists = _find_lists(arguments.folder, arguments.databases)
    reports = [asyncio.run(_database(found, arguments)) for found in lists]
    if all(report["skipped"] for report in reports):
        names = ", ".join(report["database"] for report in reports)
        raise CommandFailed(f"none of these databases is there: {names}", "Is this the right server? See --help.")
    failed = any(report["error"] or any(table["error"] for table in report["tables"]) for report in reports)
    if arguments.json:
        print_json({"ok": not failed, "dryRun": arguments.dry_run, "databases": reports})
    return int(failed)


def _batch_rows(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST_BATCH_ROWS):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows from 1 to {MOST_BATCH_ROWS}")
    return int(text)


def _find_lists(folder: Path, named: Sequence[str]) -> tuple[ExpiryList, ...]:
    """Read the lists of every database that is asked for, before any of them is touched."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", "Run this where migrations/ is, or say --folder.")
    there = find_databases(folder)
    for name in named:
        if name not in there:
            raise UsageError(f"there is no {folder / name / FILE_NAME}", f"There is one of: {', '.join(there) or '-'}.")
    if not there:
        raise UsageError(f"no folder in {folder} has an {FILE_NAME}", "docs/expiry.md says how to write one.")
    try:
        return load_lists(folder, list(dict.fromkeys(named)) or there)
    except ExpiryInvalid as exc:
        raise CommandFailed(str(exc)) from None


async def _database(found: ExpiryList, arguments: argparse.Namespace) -> Report:
    """Purge one database and return what `--json` prints of it."""
    report: Report = {"database": found.database, "skipped": False, "error": None, "tables": []}
    try:
        async with await connect_admin(found.database, arguments.url, session=SESSION) as connection:
            if not arguments.json:
                print(f"{found.database}:", flush=True)
            for entry in found.entries:
                report["tables"].append(await _table(connection, found.database, entry, arguments))
    except Refusal as exc:
        # A checkout has folders of databases that are on other servers.
        report["skipped"] = exc.code == MISSING_DATABASE and not arguments.databases
        if report["skipped"]:
            _say(arguments, f"{found.database}: not on this server, skipped")
        else:
            report["error"] = _complain(f"{found.database}: {exc}", exc.hint)
    return report


async def _table(connection: AdminConnection, database: str, entry: Expiry, arguments: argparse.Namespace) -> Report:
    """Purge one table, or count what would go, and return what `--json` prints of it."""
    report: Report = {
        "table": str(entry.table),
        "column": entry.column,
        "rows": 0,
        "transactions": 0,
        "warnings": [],
        "error": None,
    }
    started = time.monotonic()
    try:
        for remark in await check(connection, entry):
            report["warnings"].append(_complain(f"warning: {database}: {remark.message}", remark.hint))
        if arguments.dry_run:
            report["rows"] = await count_expired(connection, entry)
        else:
            await _purge(connection, database, entry, arguments.batch, report)
    except (Unfit, StatementFailed) as exc:
        report["error"] = _complain(f"{database}: {entry.table} ({entry.place}): {exc}", exc.hint)
    _say(arguments, f"  {entry.table}: {_told(report, time.monotonic() - started, dry_run=arguments.dry_run)}")
    return report


async def _purge(connection: AdminConnection, database: str, entry: Expiry, batch_rows: int, report: Report) -> None:
    with Progress(f"{database}: {entry.table}") as progress:

        def on_batch(purged: Purged) -> None:
            report.update(rows=purged.rows, transactions=purged.transactions)
            progress.say(f"{purged.rows} rows")

        await purge(connection, entry, batch_rows=batch_rows, on_batch=on_batch)


def _told(report: Report, elapsed_s: float, *, dry_run: bool) -> str:
    if dry_run:
        return "not counted" if report["error"] else f"{_many(report['rows'], 'row')} would go"
    stopped = "stopped after " if report["error"] else ""
    done = f"{_many(report['rows'], 'row')} in {_many(report['transactions'], 'transaction')}"
    return f"{stopped}{done}, {elapsed_s:.1f} s" if report["rows"] else f"{stopped}no rows"


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _say(arguments: argparse.Namespace, line: str) -> None:
    if not arguments.json:
        print(line, flush=True)


def _complain(message: str, hint: str | None) -> Report:
    """Say it on standard error and return what `--json` prints of it."""
    sys.stdout.flush()
    complain(message, hint)
    return {"message": message, "hint": hint}
