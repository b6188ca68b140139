"""The control database: API keys and revoked tokens, in the gateway's own role and database.

Every change of theirs, by these functions or by hand, raises a number that
gateways watch (`proxy.database.control_watch`, `control.sql`). A secret is
never stored: of a key only its SHA-256.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from proxy.identity.keys import KeyRecord, generate_key, hash_key

CHANNEL = "database_proxy"
CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 5.0
POLL_TIMEOUT_S = 2.0
# A token may be let in for its leeway after `exp`, and clocks differ: keep its revocation for a day more.
KEPT_AFTER_EXPIRY = "1 day"

_SCHEMA = Path(__file__).with_name("control.sql")
_SCHEMA_LOCK = 0x6462_7072_6F78_7931  # "dbproxy1"
_SEEN = "EXTRACT(epoch FROM {0})::float8 AS {0}"
_KEY_COLUMNS = ", ".join(
    ["id", "hash", "tenant", "role", "note"]
    + [_SEEN.format(column) for column in ("created_at", "expires_at", "last_used_at", "revoked_at")]
)
_STILL_NEEDED = f"(expires_at IS NULL OR expires_at > now() - interval '{KEPT_AFTER_EXPIRY}')"


class ControlUnavailable(Exception):  # noqa: N818 - the domain's word
    """The control database does not answer, or does not let us in; the message says why and holds no password."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed since a moment: `number` and `resets` as of now, and what came with them.

    `keys` None: they are as they were, and `revoked` comes on top of what was revoked before.
    """

    number: int
    resets: int
    keys: tuple[KeyRecord, ...] | None
    revoked: Mapping[str, float | None]


async def connect_control(url: str, passfile: Path | None = None) -> asyncpg.Connection:
    """Open a connection and make the tables if there are none; ControlUnavailable says why it cannot be done."""
    try:
        connection = await asyncpg.connect(
            url,
            passfile=None if passfile is None else str(passfile),
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            statement_cache_size=0,
            server_settings={"application_name": "database-proxy control", "search_path": "pg_catalog"},
        )
    except Exception as exc:
        raise ControlUnavailable(reason(exc)) from exc
    try:
        await _ensure_schema(connection)
    except Exception as exc:
        connection.terminate()
        raise ControlUnavailable(reason(exc)) from exc
    return connection


@asynccontextmanager
async def open_control(url: str, passfile: Path | None = None) -> AsyncIterator["ControlStore"]:
    """Open the store for a command; what PostgreSQL says against it is a ControlUnavailable."""
    connection = await connect_control(url, passfile)
    try:
        yield ControlStore(connection)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        raise ControlUnavailable(reason(exc)) from exc
    finally:
        await connection.close(timeout=COMMAND_TIMEOUT_S)


class ControlStore:
    """What can be done with keys and revocations. Times are seconds since the epoch."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def create_key(
        self, tenant: str, role: str, *, expires_at: float | None = None, note: str | None = None
    ) -> tuple[KeyRecord, str]:
        """Store a new key and return it with its text, which nothing can tell again."""
        key_id, text = generate_key()
        row = await self._connection.fetchrow(
            "INSERT INTO database_proxy.api_keys (id, hash, tenant, role, expires_at, note) "
            f"VALUES ($1, $2, $3, $4, to_timestamp($5::float8), $6) RETURNING {_KEY_COLUMNS}",
            *(key_id, hash_key(text), tenant, role, expires_at, note),
        )
        return KeyRecord(**row), text

    async def list_keys(self) -> tuple[KeyRecord, ...]:
        """Return every key, the newest last."""
        rows = await self._connection.fetch(
            f"SELECT {_KEY_COLUMNS} FROM database_proxy.api_keys AS k ORDER BY k.created_at, k.id"
        )
        return tuple(KeyRecord(**row) for row in rows)

    async def revoke_key(self, key_id: str) -> KeyRecord | None:
        """Revoke a key for good and return it; a second time changes nothing. None: there is no such key."""
        row = await self._connection.fetchrow(
            "UPDATE database_proxy.api_keys AS k SET revoked_at = COALESCE(k.revoked_at, now()) "
            f"WHERE k.id = $1 RETURNING {_KEY_COLUMNS}",
            key_id,
        )
        return None if row is None else KeyRecord(**row)

    async def revoke_token(self, jti: str, expires_at: float | None = None) -> bool:
        """Revoke a token by its `jti`; return whether it was not revoked before.

        `expires_at` is the token's own; without it, the revocation is kept for ever.
        """
        row = await self._connection.fetchrow(
            "INSERT INTO database_proxy.revocations (id, expires_at) VALUES ($1, to_timestamp($2::float8)) "
            "ON CONFLICT DO NOTHING RETURNING id",
            *(jti, expires_at),
        )
        return row is not None

    async def last_change(self) -> int:
        """Return the number of the last change: cheap to ask often."""
        return int(await self._connection.fetchval("SELECT number FROM database_proxy.changes", timeout=POLL_TIMEOUT_S))

    async def changes_since(self, number: int, resets: int) -> Changes:
        """Return what has changed since another answer of this; everything when `resets` is -1."""
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            now = await self._connection.fetchrow("SELECT number, resets FROM database_proxy.changes")
            whole = now["resets"] != resets
            rows = await self._connection.fetch(
                f"SELECT id, EXTRACT(epoch FROM expires_at)::float8 FROM database_proxy.revocations "
                f"WHERE kind = 'token' AND change > $1 AND {_STILL_NEEDED}",
                -1 if whole else number,
            )
            keys = await self.list_keys() if whole else None
        return Changes(now["number"], now["resets"], keys, {row[0]: row[1] for row in rows})

    async def record_uses(self, used: Mapping[str, float]) -> None:
        """Store when keys were last used. Rows that another gateway is writing just now are left to it."""
        await self._connection.execute(
            "UPDATE database_proxy.api_keys AS k SET last_used_at = to_timestamp(used.at) FROM ("
            "  SELECT locked.id, u.at FROM unnest($1::text[], $2::float8[]) AS u (id, at) "
            "  JOIN database_proxy.api_keys AS locked USING (id) "
            "  WHERE locked.last_used_at IS NULL OR locked.last_used_at < to_timestamp(u.at) "
            "  FOR UPDATE OF locked SKIP LOCKED"
            ") AS used WHERE k.id = used.id",
            *(list(used), list(used.values())),
        )

    async def purge(self) -> int:
        """Forget revocations of tokens that have expired anyway; return how many."""
        # Even a DELETE of nothing would count as a change and make every gateway load everything.
        gone = f"SELECT id FROM database_proxy.revocations WHERE NOT {_STILL_NEEDED} LIMIT 10000"
        if await self._connection.fetchval(f"SELECT EXISTS ({gone})") is False:
            return 0
        status: str = await self._connection.execute(f"DELETE FROM database_proxy.revocations WHERE id IN ({gone})")
        return int(status.rpartition(" ")[2])


def reason(exc: Exception) -> str:
    """Say in words why the control database could not be used."""
    match exc:
        case TimeoutError():
            return "no answer from the server in time"
        case FileNotFoundError():
            return "there is no such socket"
        case OSError():
            return exc.strerror or str(exc)
        case asyncpg.PostgresError():
            return f"{exc.args[0]} (SQLSTATE {exc.sqlstate})"
        case ControlUnavailable() | asyncpg.InterfaceError():
            return str(exc)
        case _:
            return type(exc).__name__


async def _ensure_schema(connection: asyncpg.Connection) -> None:
    """Make the tables where there are none; a role that may only use them is enough where there are."""
    if await connection.fetchval("SELECT to_regclass('database_proxy.changes') IS NOT NULL"):
        return
    async with connection.transaction():
        # Worker processes start together: one makes the tables, the others find them.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _SCHEMA_LOCK)
        await connection.execute(_SCHEMA.read_text())
