"""What the demo does to its PostgreSQL before the gateway starts: schema, rights, passwords, a secret for tokens.

All of it can be done again on the data of an earlier start, and is: that is
how a new migration or a change of the policy file shows.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from proxy.cli.console import CommandFailed
from proxy.cli.demo_home import CHECKOUT, Home
from proxy.cli.demo_tour import Mint
from proxy.database.admin import AdminConnection, connect_admin
from proxy.embedded import Cluster
from proxy.errors import Refusal, StatementFailed
from proxy.identity.minting import mint_token, new_claims
from proxy.migrations.failure import MigrationFailed
from proxy.migrations.files import MigrationsInvalid, load_folder
from proxy.migrations.runner import apply_script, migrate
from proxy.policy.ddl import wall_two
from proxy.policy.document import PolicyInvalid, parse_policy
from proxy.policy.model import Policy
from proxy.policy.quoting import identifier, literal

POLICY = CHECKOUT / "policies" / "callmeback.yaml"
MIGRATIONS = CHECKOUT / "migrations" / "callmeback"
EXAMPLE_DATA = CHECKOUT / "examples" / "callmeback_demo.sql"
# The gateway's own role and the database that it owns, for API keys and revocations.
CONTROL = "database_proxy"
TOKEN_TTL_S = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Database:
    """What the gateway is told of it, and what makes tokens that the gateway believes."""

    settings: Mapping[str, str]
    mint: Mint


def prepare(cluster: Cluster, home: Home) -> Database:
    """Make databases, schema, example data and logins what the checkout's files say. Raises `CommandFailed`."""
    try:
        policy = parse_policy(POLICY.read_text(encoding="utf-8"), str(POLICY))
        passwords = {login: secrets.token_urlsafe(24) for login in (policy.login, CONTROL)}
        asyncio.run(_prepare(cluster, policy, passwords))
    except PolicyInvalid as exc:
        raise CommandFailed("the example policy is not valid:\n" + "\n".join(map(str, exc.faults))) from exc
    except MigrationFailed as exc:
        raise CommandFailed(f"{exc.migration.path}:{exc.line}: {exc}", exc.failure.hint) from exc
    except MigrationsInvalid as exc:
        raise CommandFailed(exc.message, f"{exc.hint} Or begin anew: ./run demo --reset") from exc
    except (Refusal, StatementFailed) as exc:
        raise CommandFailed(f"the database could not be prepared: {exc}", exc.hint) from exc
    home.serve_policy(POLICY)
    home.write_private(home.passfile, "".join(f"*:*:*:{login}:{word}\n" for login, word in passwords.items()))
    return Database(_settings(cluster, home), _minter(policy, home))


async def _prepare(cluster: Cluster, policy: Policy, passwords: Mapping[str, str]) -> None:
    async with await connect_admin("postgres", cluster.dsn("postgres")) as connection:
        await _create_control(connection)
        await _create_database(connection, policy.database)
    async with await connect_admin(policy.database, cluster.dsn(policy.database)) as connection:
        await migrate(connection, load_folder(MIGRATIONS))
        await apply_script(connection, EXAMPLE_DATA.read_text(encoding="utf-8"))
        await apply_script(connection, wall_two(policy))
        for login, password in passwords.items():
            await connection.run(f"ALTER ROLE {identifier(login)} PASSWORD {literal(password)}")


async def _create_control(connection: AdminConnection) -> None:
    """Make the control database, which the gateway fills itself and no tenant may enter."""
    if not await connection.run("SELECT FROM pg_roles WHERE rolname = $1", CONTROL):
        await connection.run(f"CREATE ROLE {identifier(CONTROL)} LOGIN")
    await _create_database(connection, CONTROL, f"OWNER {identifier(CONTROL)}")
    await connection.run(f"REVOKE ALL ON DATABASE {identifier(CONTROL)} FROM PUBLIC")


async def _create_database(connection: AdminConnection, name: str, options: str = "") -> None:
    if not await connection.run("SELECT FROM pg_database WHERE datname = $1", name):
        await connection.run(f"CREATE DATABASE {identifier(name)} {options}")


def _settings(cluster: Cluster, home: Home) -> Mapping[str, str]:
    server = urlencode({"host": cluster.socket_folder, "port": cluster.port}, safe="/")
    return {
        "PROXY_DATABASE_URL": f"postgresql:///?{server}",
        "PROXY_CONTROL_URL": f"postgresql://{CONTROL}@/{CONTROL}?{server}",
        "PROXY_PASSFILE": str(home.passfile),
        "PROXY_POLICIES": str(home.policies),
        "PROXY_JWT_SECRET_FILE": str(home.jwt_secret),
    }


def _minter(policy: Policy, home: Home) -> Mint:
    secret = home.jwt_secret.read_bytes()

    def mint(role: str, subject: str) -> str:
        return mint_token(new_claims(policy.tenant, role, time.time(), TOKEN_TTL_S, {"sub": subject}), secret)

    return mint
