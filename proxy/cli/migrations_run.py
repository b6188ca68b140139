"""What `apply_migrations.py` does: one database after the other, in the way that its options ask for."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from proxy.cli import migrations_report as report
from proxy.cli.migrations_progress import Progress
from proxy.cli.migrations_report import Output
from proxy.database.admin import MISSING_DATABASE, AdminConnection, connect_admin
from proxy.errors import Refusal, StatementFailed
from proxy.migrations.failure import MigrationFailed
from proxy.migrations.files import Migration, MigrationsInvalid
from proxy.migrations.history import take_stock
from proxy.migrations.plan import HalfWay, compare, pending, told
from proxy.migrations.recording import baseline, resolve
from proxy.migrations.runner import Options, Patience, migrate, read
from proxy.migrations.running import Job as Script
from proxy.migrations.running import invalid_indexes
from proxy.migrations.turn import holder
from proxy.policy.quoting import identifier

# Somebody else has made it since we looked; or makes one from the same template right now.
_MADE_MEANWHILE: Final = frozenset({"42P04", "23505"})


@dataclass(frozen=True, slots=True)
class Job:
    """One database and the files of its folder."""

    database: str
    folder: Path
    files: tuple[Migration, ...]


async def run_all(jobs: Sequence[Job], arguments: argparse.Namespace, output: Output) -> int:
    """Work on one database after the other; after a failure the rest is left alone, and named.

    Returns the exit status.
    """
    status = 0
    for number, job in enumerate(jobs):
        document = output.begin(job.database)
        try:
            status = max(status, await _Run(job, arguments, output, document).run())
        except (MigrationsInvalid, MigrationFailed, Refusal, StatementFailed) as exc:
            document["error"] = output.failed(job.database, exc)
            output.not_tried([rest.database for rest in jobs[number + 1 :]])
            return output.end(1)
    return output.end(status)


class _Run:
    """The work on one database; what --json says of it goes into its document."""

    def __init__(self, job: Job, arguments: argparse.Namespace, output: Output, document: dict[str, Any]) -> None:
        self._job: Final = job
        self._arguments: Final = arguments
        self._output: Final = output
        self._document: Final = document

    async def run(self) -> int:
        connection = await self._connect()
        if connection is None:
            return await self._without_database()
        async with connection:
            for wanted, mode in (
                (self._arguments.status, self._status),
                (self._arguments.dry_run, self._dry_run),
                (self._arguments.verify, self._verify),
                (self._arguments.baseline is not None, self._baseline),
                (self._arguments.resolve is not None, self._resolve),
            ):
                if wanted:
                    return await mode(connection)
            return await self._migrate(connection)

    async def _status(self, connection: AdminConnection) -> int:
        entries = await take_stock(connection, self._job.files)
        self._tell(report.status(self._output, self._job.database, entries, await holder(connection)))
        for entry in entries:
            fault = told(entry)
            if isinstance(fault, HalfWay):
                self._output.complain(fault.message, await self._with_indexes(connection, fault.hint))
        return int(any(told(entry) for entry in entries))

    async def _dry_run(self, connection: AdminConnection) -> int:
        entries = await take_stock(connection, self._job.files)
        options = self._options()
        self._rehearse(pending(entries, to=options.to, out_of_order=options.out_of_order))
        return 0

    async def _verify(self, connection: AdminConnection) -> int:
        entries = await take_stock(connection, self._job.files)
        faults = [fault for fault in map(told, entries) if fault]
        sound = sum(entry.state == "applied" for entry in entries)
        self._output.say(f"{self._job.database}: {sound} applied as their files say, {len(faults)} not")
        for fault in faults:
            self._output.complain(fault.message, fault.hint)
        self._tell({"verified": sound, "findings": [{"message": f.message, "hint": f.hint} for f in faults]})
        return int(bool(faults))

    async def _baseline(self, connection: AdminConnection) -> int:
        progress = Progress(self._output, self._job.database)
        recorded = await baseline(connection, self._job.files, self._arguments.baseline, progress)
        self._output.say(f"{self._job.database}: {report.files(len(recorded))} recorded as applied, and not run")
        self._tell({"recorded": [report.brief(migration) for migration in recorded]})
        return 0

    async def _resolve(self, connection: AdminConnection) -> int:
        version, how = self._arguments.resolve
        await resolve(connection, self._job.files, version, how, Progress(self._output, self._job.database))
        meaning = "counts as applied" if how == "applied" else "is pending again, from its first statement"
        self._output.say(f"{self._job.database}: {version:03d} {meaning}")
        self._tell({"resolved": {"version": version, "as": how}})
        return 0

    async def _migrate(self, connection: AdminConnection) -> int:
        try:
            with Progress(self._output, self._job.database) as progress:
                self._document["applied"] = progress.done
                await migrate(connection, self._job.files, self._options(), progress)
                progress.finished()
        except HalfWay as exc:
            exc.hint = await self._with_indexes(connection, exc.hint)
            raise
        return 0

    async def _with_indexes(self, connection: AdminConnection, hint: str) -> str:
        """Name the indexes that a half may have left, with what removes them."""
        found = sorted(await invalid_indexes(connection))
        return "\n".join([hint, *(f"An invalid index is there: DROP INDEX CONCURRENTLY {name};" for name in found)])

    def _rehearse(self, todo: Sequence[Migration]) -> None:
        """Tell what would run, once it has been read as a run would read it."""
        jobs = [Script(migration, read(migration)) for migration in todo]
        self._tell(report.would_run(self._output, self._job.database, jobs))

    def _options(self) -> Options:
        return Options(
            to=self._arguments.to,
            out_of_order=self._arguments.allow_out_of_order,
            patience=Patience(retries=self._arguments.lock_retries),
        )

    def _tell(self, document: Mapping[str, Any]) -> None:
        self._document.update(document)

    async def _connect(self) -> AdminConnection | None:
        """Log in; a missing database is created if that is asked for, or None where nothing may change."""
        try:
            return await self._log_in(self._job.database)
        except Refusal as exc:
            if exc.code != MISSING_DATABASE:
                raise
            if not self._arguments.create:
                name = self._job.database
                exc.hint = f"Create it (createdb {name}), or let this do it with --create."
                raise
        if self._arguments.status or self._arguments.dry_run or self._arguments.verify:
            return None
        await self._create()
        return await self._log_in(self._job.database)

    async def _without_database(self) -> int:
        """Tell what there is to tell where the database has yet to be created."""
        self._output.say(f"-- {self._job.database}: does not exist, and would be created")
        self._tell({"would_create": True})
        entries = compare(self._job.files, ())
        if self._arguments.dry_run:
            self._rehearse(pending(entries, to=self._arguments.to))
        else:
            self._tell(report.status(self._output, self._job.database, entries, None))
        return 0

    async def _create(self) -> None:
        async with await self._log_in("postgres") as connection:
            try:
                await connection.run(f"CREATE DATABASE {identifier(self._job.database)}")
            except StatementFailed as exc:
                if exc.code not in _MADE_MEANWHILE:
                    raise
                return
        self._output.say(f"{self._job.database}: created")
        self._tell({"created": True})

    async def _log_in(self, database: str) -> AdminConnection:
        session = {"lock_timeout": f"{round(self._arguments.lock_timeout * 1000)}ms"}
        return await connect_admin(database, self._arguments.url, _notice, session=session)


def _notice(line: str) -> None:
    """Pass on what PostgreSQL says in passing."""
    print(f"    {line}", file=sys.stderr, flush=True)
