"""What `apply_migrations.py` does: one database after the other, in the way that its options ask for."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from proxy.cli import migrations_report as report
from proxy.cli.migrations_failure import Failure
from proxy.cli.migrations_policies import Policies
from proxy.cli.migrations_progress import Progress
from proxy.cli.migrations_report import Output
from proxy.cli.migrations_server import Server
from proxy.database.admin import AdminConnection
from proxy.errors import Refusal, StatementFailed
from proxy.migrations.failure import LOST, MigrationFailed
from proxy.migrations.files import Migration, MigrationsInvalid
from proxy.migrations.history import take_stock
from proxy.migrations.patience import Patience
from proxy.migrations.plan import HalfWay, compare, pending, told
from proxy.migrations.recording import baseline, resolve
from proxy.migrations.runner import Options, migrate, read
from proxy.migrations.running import Job as Script
from proxy.migrations.running import invalid_indexes
from proxy.migrations.ssh import Destination, Link, linked
from proxy.migrations.turn import holder

_ELSEWHERE: Final = (
    "--ssh-postgres says where PostgreSQL is, as seen from there; its sshd has to allow forwarding "
    "(AllowStreamLocalForwarding for a socket, AllowTcpForwarding for a port)."
)


@dataclass(frozen=True, slots=True)
class Job:
    """One database and the files of its folder."""

    database: str
    folder: Path
    files: tuple[Migration, ...]


async def run_all(jobs: Sequence[Job], arguments: argparse.Namespace, output: Output) -> int:
    """Work on one database after the other, through ssh where that is asked for. Returns the exit status."""
    if arguments.ssh is None:
        return output.end(await _run_each(jobs, arguments, output))
    destination = Destination(arguments.ssh, arguments.ssh_postgres, arguments.ssh_config)
    try:
        async with linked(destination, arguments.url, os.environ) as link:
            arguments.url = link.url
            return output.end(await _run_each(jobs, arguments, output, link))
    except Refusal as exc:
        return output.refuse(MigrationsInvalid(exc.message, exc.hint or ""))


async def _run_each(
    jobs: Sequence[Job], arguments: argparse.Namespace, output: Output, link: Link | None = None
) -> int:
    """Work on one after the other; after a failure the rest is left alone, and named."""
    status = 0
    for number, job in enumerate(jobs):
        document = output.begin(job.database)
        try:
            status = max(status, await _Run(job, arguments, output, document).run())
        except (MigrationsInvalid, MigrationFailed, Refusal, StatementFailed) as exc:
            await _add_what_ssh_says(exc, link)
            document["error"] = output.failed(job.database, exc)
            output.not_tried([rest.database for rest in jobs[number + 1 :]])
            return 1
    return status


async def _add_what_ssh_says(failure: Failure, link: Link | None) -> None:
    """Give a failure of the connection the reason that only ssh knows."""
    told = failure.failure if isinstance(failure, MigrationFailed) else failure
    if link is None or isinstance(told, MigrationsInvalid):
        return
    if told.code is None or told.code.startswith(LOST):
        words = await link.last_words()
        told.hint = "\n".join(filter(None, (words, _ELSEWHERE if isinstance(told, Refusal) else ""))) or told.hint


class _Run:
    """The work on one database; what --json says of it goes into its document."""

    def __init__(self, job: Job, arguments: argparse.Namespace, output: Output, document: dict[str, Any]) -> None:
        self._job: Final = job
        self._arguments: Final = arguments
        self._output: Final = output
        self._document: Final = document

    async def run(self) -> int:
        connection, made = await Server(self._arguments, self._output).connect(self._job.database)
        if made:
            self._tell({"created": True})
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
            return await self._migrate(connection, new=made)

    async def _status(self, connection: AdminConnection) -> int:
        entries = await take_stock(connection, self._job.files)
        running = await holder(connection)
        self._tell(report.status(self._output, self._job.database, entries, running))
        # What a run that is under way has begun is no finding.
        faults = [fault for fault in map(told, entries) if fault and not (running and isinstance(fault, HalfWay))]
        for fault in faults:
            if isinstance(fault, HalfWay):
                self._output.complain(fault.message, "\n".join([fault.hint, *await _invalid_indexes(connection)]))
        return int(bool(faults))

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
        for line in await _invalid_indexes(connection):
            self._output.say(f"  {line}")
        self._tell({"resolved": {"version": version, "as": how}})
        return 0

    async def _migrate(self, connection: AdminConnection, *, new: bool) -> int:
        try:
            with Progress(self._output, self._job.database) as progress:
                self._document["applied"] = progress.done
                await migrate(connection, self._job.files, self._options(), progress)
                progress.finished()
        except HalfWay as exc:
            exc.hint = "\n".join([exc.hint, *await _invalid_indexes(connection)])
            raise
        status, self._document["policies"] = await self._policies().settle(connection, new=new)
        return status

    def _rehearse(self, todo: Sequence[Migration]) -> None:
        """Tell what would run, once it has been read as a run would read it."""
        jobs = [Script(migration, read(migration)) for migration in todo]
        self._tell(report.would_run(self._output, self._job.database, jobs))
        self._tell({"policies": self._policies().rehearse()})

    def _policies(self) -> Policies:
        return Policies(self._job.database, self._arguments, self._output)

    def _options(self) -> Options:
        return Options(
            to=self._arguments.to,
            out_of_order=self._arguments.allow_out_of_order,
            patience=Patience(retries=self._arguments.lock_retries),
        )

    def _tell(self, document: Mapping[str, Any]) -> None:
        self._document.update(document)

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


async def _invalid_indexes(connection: AdminConnection) -> list[str]:
    """Name the indexes that a half may have left, with what removes them."""
    found = sorted(await invalid_indexes(connection))
    return [f"An invalid index is there: DROP INDEX CONCURRENTLY {name};" for name in found]
