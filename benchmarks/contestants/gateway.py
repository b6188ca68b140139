"""The gateway itself."""

import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.contestants.base import Arena
from benchmarks.contestants.over_http import HttpContestant
from benchmarks.machine import Mode
from proxy.embedded import free_port
from proxy.identity.minting import mint_token, new_claims

TOKEN_TTL_S = 86_400.0


class Gateway(HttpContestant):
    """The gateway as a user starts it: every check, the log line of each request to a file, metrics."""

    name = "database-proxy"
    title = "**database-proxy**"

    def __init__(self, arena: Arena) -> None:
        super().__init__(arena)
        self.secret = secrets.token_hex(32)
        policy = arena.database.policy
        claims = new_claims(policy.tenant, "default", time.time(), TOKEN_TTL_S, {"sub": "user-1"})
        self.token = mint_token(claims, self.secret.encode())
        self.policies = arena.folder / "policies"
        self.policies.mkdir(exist_ok=True)
        (self.policies / "shop.yaml").write_text(Path(policy.source).read_text(encoding="utf-8"), encoding="utf-8")

    def version(self) -> str:
        """Name the Python that it runs on."""
        return f"database-proxy of this checkout on Python {sys.version.split()[0]}"

    def command(self) -> Sequence[str | Path]:
        """Return what the documentation says."""
        return [sys.executable, "-m", "proxy", "serve"]

    def environ(self, mode: Mode) -> Mapping[str, str]:
        """Return its settings."""
        return {
            "PROXY_DATABASE_URL": self.arena.database.server_url,
            "PROXY_PASSFILE": str(self.arena.database.passfile),
            "PROXY_POLICIES": str(self.policies),
            "PROXY_JWT_SECRET": self.secret,
            "PROXY_LISTEN": f"127.0.0.1:{self.port}",
            "PROXY_ADMIN_LISTEN": f"127.0.0.1:{free_port()}",
            "PROXY_WORKERS": str(mode.processes),
        }
