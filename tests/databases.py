"""What the fixtures of `conftest.py` are made of, and the types that a test names them by."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg

from proxy.policy.second_reader import GATEWAY_ROLE

T = TypeVar("T")

# Of the gateway's own role, the second reader, on every server of the tests.
GATEWAY_PASSWORD = "the-readers-own"


class MakeDatabase(Protocol):
    """What the fixture `make_database` is."""

    def __call__(self, name_hint: str = "test", sql: str | Path = "", template: str | None = None) -> str:
        """Return the name of a new database; it is dropped after the test.

        `sql` is a script, a file or a folder of scripts (run in order of their
        names), run by the superuser once a run; `template` names a database to
        clone instead. Roles belong to the server, not to the database.
        """


Connect = Callable[..., Awaitable[asyncpg.Connection]]


def run_sql(dsn: str, sql: str) -> None:
    """Run a script on a connection of its own; from any test, in a loop or not."""

    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    run_apart(run())


def make_gateway_role(dsn: str) -> None:
    """Make the gateway's own role on a server if there is none, with the password that tests know."""
    made = f"CREATE ROLE {GATEWAY_ROLE} LOGIN PASSWORD '{GATEWAY_PASSWORD}'"
    run_sql(dsn, f"DO $$ BEGIN IF to_regrole('{GATEWAY_ROLE}') IS NULL THEN {made}; END IF; END $$")


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a thread of its own, since the caller's may have a running loop."""
    outcome: list[T] = []
    failed: list[BaseException] = []

    def body() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - handed to the caller below
            failed.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return outcome[0]


def read_script(sql: str | Path) -> str:
    """Return the text of a script, a file, or a folder of files in the order of their names."""
    if isinstance(sql, str):
        return sql
    files = sorted(sql.glob("*.sql")) if sql.is_dir() else [sql]
    return "\n".join(file.read_text() for file in files)
