"""A connection for an administrator's work: migrations, rights, taking stock.

Unlike a tenant's session it is told everything: PostgreSQL's own message,
detail, hint and context. Where the server is comes from a URL and libpq's
environment (PGHOST, PGPORT, PGUSER, PGPASSFILE, PGSSLMODE, PGSERVICE, …).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from types import MappingProxyType
from typing import Any, Final, Self

import asyncpg

from proxy.database import faults
from proxy.errors import Refusal, StatementFailed

MISSING_DATABASE: Final = "3D000"
_CONNECT_TIMEOUT_S: Final = 10.0
# PostgreSQL sets these while logging in: RESET ALL returns to them.
_SESSION: Final = {
    "application_name": "apply_migrations",
    "TimeZone": "UTC",
    "standard_conforming_strings": "on",
    "statement_timeout": "0",
    # A client that was killed is noticed in the middle of a long statement, and the statement undone.
    "client_connection_check_interval": "2s",
    # One that a dead network keeps open lets go of its locks all the same. Nothing here is idle for so long.
    "idle_in_transaction_session_timeout": "1min",
    "idle_session_timeout": "10min",
    # A change that waits for a busy table makes everybody after it wait as well.
    "lock_timeout": "3s",
}

Notice = Callable[[str], None]
_NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})


class AdminConnection:
    """One connection; statements run one at a time, and each call runs exactly one."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection: Final = connection

    @property
    def in_transaction(self) -> bool:
        """Say whether a transaction block is open, a failed one included."""
        return bool(self._connection.is_in_transaction())

    async def run(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows.

        PostgreSQL refuses a text of several statements (42601). Raises
        `StatementFailed`, with the context of an error in a function under its
        detail; `applied` is `unknown` where the connection was lost.
        """
        with self._failures():
            return [tuple(row) for row in await self._connection.fetch(sql, *parameters)]

    async def copy_in(self, sql: str, rows: str) -> None:
        """Run one `COPY … FROM STDIN` with the rows that it reads, as they stand in a script. Raises as `run` does."""
        with self._failures():
            # Private: the public calls build the COPY themselves, and would not run a script's own.
            await self._connection._copy_in(sql, BytesIO(rows.encode()), None)  # noqa: SLF001

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except asyncpg.ConnectionDoesNotExistError as exc:  # the driver's own: nobody has sent it
            raise faults.lost("unknown") from exc
        except asyncpg.PostgresError as exc:
            raise _failed(exc) from exc
        except (asyncpg.InterfaceError, OSError) as exc:
            if self._connection.is_closed():
                raise faults.lost("unknown") from exc
            raise StatementFailed(code="XX000", message=str(exc)) from exc

    async def close(self) -> None:
        """Close the connection; whatever transaction is open ends without effect."""
        try:
            await self._connection.close(timeout=5)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            self._connection.terminate()

    async def __aenter__(self) -> Self:
        """Hand out the open connection."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it, whatever happened."""
        await self.close()


async def connect_admin(
    database: str,
    url: str | None = None,
    on_notice: Notice | None = None,
    *,
    session: Mapping[str, str] = _NO_SETTINGS,
) -> AdminConnection:
    """Log in to a database; `url` may leave out what the environment says, and its own database does not count.

    `on_notice` gets each notice and warning as one line. `session` has settings
    that are other than a migration's. Raises `Refusal`
    (`database-unavailable`), with `code` 3D000 where there is no such database.
    """
    try:
        connection = await asyncpg.connect(
            url,
            database=database,
            timeout=_CONNECT_TIMEOUT_S,
            statement_cache_size=0,
            server_settings=_SESSION | dict(session),
        )
    except TimeoutError as exc:
        raise _unavailable(f"no answer within {_CONNECT_TIMEOUT_S:.0f} s") from exc
    except asyncpg.PostgresError as exc:
        raise _unavailable(exc.args[0], exc.sqlstate) from exc
    except FileNotFoundError as exc:
        raise _unavailable("there is no such socket") from exc
    except (asyncpg.InterfaceError, OSError, ValueError) as exc:
        raise _unavailable(str(exc)) from exc
    if on_notice is not None:
        connection.add_log_listener(lambda _, message: on_notice(_notice(message)))
    return AdminConnection(connection)


def _failed(error: asyncpg.PostgresError) -> StatementFailed:
    code = error.sqlstate or "XX000"
    return StatementFailed(
        code=code,
        message=error.args[0] if error.args else "",
        detail="\n".join(filter(None, (error.detail, error.context))) or None,
        hint=error.hint,
        position=int(error.position) if error.position else None,
        constraint=error.constraint_name,
        applied="unknown" if code.startswith("08") else "no",
    )


def _unavailable(reason: str, code: str | None = None) -> Refusal:
    return Refusal(
        error="database-unavailable",
        message=f"cannot log in to PostgreSQL: {reason}",
        code=code,
        hint="PGHOST, PGPORT, PGUSER and PGPASSFILE say where the server is and who you are, as for psql.",
    )


def _notice(message: asyncpg.PostgresLogMessage) -> str:
    return f"{message.severity_en or message.severity}: {message.message}"
