"""The server that `apply_migrations.py` works on: logging in to its databases, and making one that is missing."""

import argparse
import sys
from typing import Final

from proxy.cli.migrations_report import Output
from proxy.database.admin import MISSING_DATABASE, AdminConnection, connect_admin
from proxy.errors import Refusal, StatementFailed
from proxy.policy.quoting import identifier

# Another run has made it since we looked, or in the same moment.
_MADE_MEANWHILE: Final = frozenset({"42P04", "23505"})


class Server:
    """Logs in as the command line says."""

    def __init__(self, arguments: argparse.Namespace, output: Output) -> None:
        self._url: Final[str | None] = arguments.url
        self._session: Final = {"lock_timeout": f"{round(arguments.lock_timeout * 1000)}ms"}
        self._may_create: Final[bool] = arguments.create
        self._changes_nothing: Final[bool] = arguments.status or arguments.dry_run or arguments.verify
        self._output: Final = output

    async def connect(self, database: str) -> tuple[AdminConnection | None, bool]:
        """Log in, and say whether the database was made for it; None where it would be, and nothing may change.

        Raises `Refusal`.
        """
        try:
            return await self._log_in(database), False
        except Refusal as exc:
            if exc.code != MISSING_DATABASE:
                raise
            if not self._may_create:
                exc.hint = f"Create it (createdb {database}), or let this do it with --create."
                raise
        if self._changes_nothing:
            return None, False
        made = await self._create(database)
        return await self._log_in(database), made

    async def _create(self, database: str) -> bool:
        async with await self._log_in("postgres") as connection:
            try:
                await connection.run(f"CREATE DATABASE {identifier(database)}")
            except StatementFailed as exc:
                if exc.code not in _MADE_MEANWHILE:
                    raise
                return False
        self._output.say(f"{database}: created")
        return True

    async def _log_in(self, database: str) -> AdminConnection:
        return await connect_admin(database, self._url, _notice, session=self._session)


def _notice(line: str) -> None:
    """Pass on what PostgreSQL says in passing."""
    print(f"    {line}", file=sys.stderr, flush=True)
