"""Many tenants: policy files by the thousand, with logins where they are to be used."""

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contestants.base import Arena
from benchmarks.contestants.gateway import TOKEN_TTL_S, Gateway
from benchmarks.database import DATABASE, BenchDatabase
from benchmarks.load import Request
from benchmarks.workloads import WORKLOADS, Workload
from proxy.identity.minting import mint_token, new_claims
from proxy.policy.ddl import wall_two
from proxy.policy.document import parse_policy
from proxy.progress import Progress

# As many tenants share a database: lists of rights that are a thousand long slow PostgreSQL itself down.
TENANTS_A_DATABASE = 50
# For all tenants the same: these are measurements of speed.
_PASSWORD = "of-one-run"  # noqa: S105 - the server is gone with the run

_POLICY = """\
tenant: {tenant}
database: {database}
login: {tenant}_edge
limits: {{timeout: 10s, rows: 1000, rate: 1000000/s, concurrency: 4}}
functions: [aggregates, text]
roles:
  default:
    products: {{select: [id, name, category, price, is_active, created_at]}}
    orders: {{select: all}}
  reader:
    products: {{select: [id, name]}}
"""


def name_of(number: int) -> str:
    """Return the name of one of the tenants."""
    return f"tenant_{number:05}"


def database_of(number: int) -> str:
    """Return the database of one of the tenants."""
    return f"{DATABASE}_{number // TENANTS_A_DATABASE:03}"


def write_policies(folder: Path, count: int) -> None:
    """Write the files of so many tenants."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        text = _POLICY.format(tenant=name_of(number), database=database_of(number))
        (folder / f"{name_of(number)}.yaml").write_text(text, encoding="utf-8")


def make_logins(database: BenchDatabase, folder: Path, count: int) -> None:
    """Give the first of them their databases and logins, with the rights that their files say."""
    with Progress(f"Making {count} logins") as progress:
        for start in range(0, count, TENANTS_A_DATABASE):
            numbers = range(start, min(start + TENANTS_A_DATABASE, count))
            database.run(f"CREATE DATABASE {database_of(start)} TEMPLATE {DATABASE}", database="postgres")
            scripts = []
            for number in numbers:
                file = folder / f"{name_of(number)}.yaml"
                policy = parse_policy(file.read_text(encoding="utf-8"), str(file))
                scripts += [wall_two(policy), f"ALTER ROLE {policy.login} PASSWORD '{_PASSWORD}'"]
                database.add_password(policy.login, _PASSWORD)
            database.run(*scripts, database=database_of(start))
            progress.say(f"{numbers[-1] + 1}")


class ManyTenants(Gateway):
    """The gateway with a folder of many tenants' policies, asked for the first of them unless told otherwise."""

    def __init__(self, arena: Arena, folder: Path) -> None:
        super().__init__(arena)
        self.policies = folder
        self.name = f"gateway-{folder.name}"
        self.token = self.token_of(0)

    def token_of(self, number: int) -> str:
        """Mint a token for one of the tenants."""
        claims = new_claims(name_of(number), "default", time.time(), TOKEN_TTL_S, {"sub": "user-1"})
        return mint_token(claims, self.secret.encode())

    def in_turn(self, tenants: int, workload: Workload = WORKLOADS["W1"]) -> Sequence[Request]:
        """Return a workload's requests, each of another tenant until all have had their turn."""
        tokens = [self.token_of(number) for number in range(tenants)]
        requests = self.requests(workload)
        count = max(len(requests), tenants)
        return [
            Request(
                requests[number % len(requests)].path,
                {**requests[number % len(requests)].headers, "Authorization": f"Bearer {tokens[number % tenants]}"},
                requests[number % len(requests)].body,
            )
            for number in range(count)
        ]
