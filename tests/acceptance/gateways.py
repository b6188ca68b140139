"""Gateways and tenants as the acceptance tests handle them: from outside."""

import json
import os
import secrets
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
import httpx
import jwt
from databases import GATEWAY_PASSWORD, make_gateway_role, run_apart, run_sql

from proxy.embedded import Cluster
from proxy.policy.ddl import wall_two
from proxy.policy.document import parse_policy
from proxy.policy.second_reader import GATEWAY_ROLE, second_reader

SCHEMA = """
CREATE TABLE notes (id int PRIMARY KEY, owner text NOT NULL, body text, tag text UNIQUE);
INSERT INTO notes SELECT i, 'user' || i % 3, 'note ' || i, 'tag' || i FROM generate_series(1, 30) i;
CREATE TABLE secrets (id int PRIMARY KEY, value text);
INSERT INTO secrets VALUES (1, 'S3CR3T');
CREATE TABLE marks (note_id int REFERENCES notes (id), mark int CHECK (mark > 0));
-- Sleeping without the right to pg_sleep: slow statements that cost no processor.
CREATE FUNCTION wait(seconds float8) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
    AS 'BEGIN PERFORM pg_catalog.pg_sleep(seconds); RETURN 1; END';
"""

POLICY = """\
tenant: {tenant}
database: {database}
login: {login}
limits: {{timeout: {timeout}, rows: 100, rate: {rate}, concurrency: {concurrency}}}
claims:
  app.user_id: sub
functions: [aggregates, text, wait]
roles:
  default:
    notes: {{select: all, insert: all, update: [body], delete: true}}
    marks: {{select: all, insert: all}}
  reader:
    notes: {{select: [id, body]}}
  own:
    notes:
      select: all
      rows: owner = current_setting('app.user_id')
"""

START_TIMEOUT_S = 20.0

# For clients that speak plain HTTP: httpx's own context reads every certificate authority there is, which takes longer
# than what most of them ask.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def wait_for(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """Return once the condition holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.05)


@dataclass
class Tenant:
    """A tenant: its database, its login, and its policy file."""

    name: str
    database: str
    login: str
    password: str
    file: Path
    dsn: str

    def run(self, *statements: str) -> None:
        """Run SQL in the tenant's database as the superuser."""
        for statement in statements:
            run_sql(self.dsn, statement)

    def fetch(self, sql: str) -> list[Any]:
        """Return the rows of a statement, run as the superuser."""

        async def work() -> list[Any]:
            connection = await asyncpg.connect(self.dsn)
            try:
                return [tuple(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return run_apart(work())

    def statements_running(self) -> int:
        """Count the statements that the tenant's login runs at this moment."""
        sql = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{self.login}' AND state = 'active'"
        return int(self.fetch(sql)[0][0])


class Gateway:
    """A gateway's process; its log is a file."""

    def __init__(self, environ: dict[str, str], log: Path, prefix: Sequence[str | Path] = ()) -> None:
        self.secret = environ.get("PROXY_JWT_SECRET", "")
        self.log = log
        self.url = self.admin_url = ""
        with log.open("wb") as out, log.with_suffix(".err").open("wb") as err:
            command = [*prefix, sys.executable, "-m", "proxy", "serve"]
            self.process = subprocess.Popen(command, env=environ, stdout=out, stderr=err)

    def lines(self) -> list[dict[str, Any]]:
        """Return the log so far, parsed: every line must be JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def errors(self) -> str:
        """Return what it said on standard error."""
        return self.log.with_suffix(".err").read_text()

    def event(self, name: str, **fields: Any) -> dict[str, Any]:
        """Return the first line of this event with these fields, waiting for it a while."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            for line in self.lines():
                if line["event"] == name and all(line.get(key) == value for key, value in fields.items()):
                    return line
            assert self.process.poll() is None, self.errors()
            time.sleep(0.02)
        raise AssertionError(f"no {name} {fields} in {self.log.read_text()} {self.errors()}")

    def wait_until_listening(self) -> None:
        """Return once requests are answered."""
        started = self.event("server_started")
        self.url, self.admin_url = started["listen"], started["admin_listen"]
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.admin_url}/livez", verify=_NO_TLS)
            except httpx.TransportError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError(self.errors())

    def token(self, tenant: str = "acme", **claims: Any) -> str:
        """Mint a token; a claim given as None is left out."""
        everything = {"tenant": tenant, "sub": "user1", "exp": int(time.time()) + 600, **claims}
        kept = {name: value for name, value in everything.items() if value is not None}
        return jwt.encode(kept, self.secret)

    def client(self, token: str | None = None, *, timeout: float = 30.0) -> httpx.Client:
        """Make a client that sends this token (default: a good one; empty: none) with each request."""
        token = self.token() if token is None else token
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=timeout, verify=_NO_TLS)

    def query(self, sql: str, *parameters: Any, token: str | None = None, **more: Any) -> httpx.Response:
        """Send one query and return the answer."""
        with self.client(token) as http:
            # The standard library's JSON can spell half of a surrogate pair, as hostile callers do.
            body = json.dumps({"query": sql, "parameters": list(parameters), **more})
            return http.post("/query", content=body, headers={"content-type": "application/json"})

    def stop(self, number: int = signal.SIGTERM, timeout: float = 20.0) -> int:
        """Stop the process, if it still runs, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()


class World:
    """Some tenants on a server, and the gateways that serve them; all of it goes away at the end."""

    def __init__(self, cluster: Cluster, template_of: Callable[[str], str], folder: Path) -> None:
        self.folder = folder
        self.policies = folder / "policies"
        self.policies.mkdir()
        self.passfile = folder / "pgpass"
        self.passfile.touch(0o600)
        make_gateway_role(cluster.dsn())
        self.passfile.write_text(f"*:*:*:{GATEWAY_ROLE}:{GATEWAY_PASSWORD}\n")
        self._cluster = cluster
        self._template_of = template_of
        self._tenants: list[Tenant] = []
        self._gateways: list[Gateway] = []
        self._control = ""

    def __enter__(self) -> Self:
        """Begin with nothing."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        """Stop the gateways, drop the databases and the logins."""
        self.stop_gateways()
        # The control role last: it is the second reader in the tenants' databases.
        for name in [*(tenant.database for tenant in self._tenants), self._control]:
            if name:
                self._admin(f"DROP DATABASE {name} WITH (FORCE)")
                self._admin(f"DROP ROLE {name}")

    def stop_gateways(self) -> None:
        """Stop the gateways that still run."""
        for gateway in self._gateways:
            gateway.stop()

    def _admin(self, sql: str) -> None:
        run_sql(self._cluster.dsn(), sql)

    def make_tenant(
        self,
        name: str = "acme",
        *,
        schema: str = SCHEMA,
        policy: str = POLICY,
        timeout: str = "5s",
        rate: str = "6000/min",
        concurrency: int = 8,
    ) -> Tenant:
        """Make a database, a login with the rights that the policy file says, and the file."""
        database = login = f"{name}_{secrets.token_hex(4)}"
        self._admin(f"CREATE DATABASE {database} TEMPLATE {self._template_of(schema)} STRATEGY file_copy")
        file = self.policies / f"{name}.yaml"
        tenant = Tenant(name, database, login, secrets.token_hex(16), file, self._cluster.dsn(database))
        self._tenants.append(tenant)
        text = policy.format(
            tenant=name, database=database, login=login, timeout=timeout, rate=rate, concurrency=concurrency
        )
        file.write_text(text)
        tenant.run(wall_two(parse_policy(text, str(file))), f"ALTER ROLE {login} PASSWORD '{tenant.password}'")
        with self.passfile.open("a") as passwords:
            passwords.write(f"*:*:{database}:{login}:{tenant.password}\n")
        return tenant

    def make_control(self) -> str:
        """Make the gateway's own role and database, and return their URL."""
        self._control = f"control_{secrets.token_hex(4)}"
        password = secrets.token_hex(16)
        self._admin(f"CREATE ROLE {self._control} LOGIN PASSWORD '{password}'")
        self._admin(f"CREATE DATABASE {self._control} OWNER {self._control}")
        server = f"?host={self._cluster.socket_folder}&port={self._cluster.port}"
        return f"postgresql://{self._control}:{password}@/{self._control}{server}"

    def lock_control(self, *, locked: bool) -> None:
        """Keep the gateway's own role out, or let it in again."""
        self._admin(f"ALTER ROLE {self._control} {'NOLOGIN' if locked else 'LOGIN'}")

    def start_gateway(self, *, wait: bool = True, prefix: Sequence[str | Path] = (), **settings: str) -> Gateway:
        """Start a gateway on the tenants made so far; an empty setting is left out.

        Its own role, that of `PROXY_CONTROL_URL`, is set up as their second reader.
        `prefix` is a command that starts the command that follows it.
        """
        if settings.get("PROXY_CONTROL_URL"):
            for tenant in self._tenants:
                policy = parse_policy(tenant.file.read_text(), str(tenant.file))
                tenant.run("\n".join(second_reader(policy, self._control)))
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PROXY_")},
            "PROXY_DATABASE_URL": f"postgresql:///?host={self._cluster.socket_folder}&port={self._cluster.port}",
            "PROXY_PASSFILE": str(self.passfile),
            "PROXY_POLICIES": str(self.policies),
            "PROXY_LISTEN": "127.0.0.1:0",
            "PROXY_ADMIN_LISTEN": "127.0.0.1:0",
            "PROXY_JWT_SECRET": secrets.token_hex(32),
            **settings,
        }
        log = self.folder / f"log{len(self._gateways)}"
        gateway = Gateway({name: value for name, value in environ.items() if value}, log, prefix)
        self._gateways.append(gateway)
        if wait:
            gateway.wait_until_listening()
        return gateway
