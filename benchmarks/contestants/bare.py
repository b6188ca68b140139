"""Bare proxies, whose programs are in `benchmarks/peers`, and a server that answers without a thought."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from benchmarks import peers
from benchmarks.contestants.base import Answers
from benchmarks.contestants.over_http import HttpContestant
from benchmarks.machine import Mode, version_of
from benchmarks.workloads import WORKLOADS, Workload


class Peer(HttpContestant):
    """A bare proxy: one shared key, and whatever SQL it is sent."""

    needs_peers = True
    script: str
    packages: tuple[str, ...]

    def version(self) -> str:
        """Name the runtime and the packages that the lock file gives."""
        installed = json.loads((peers.FOLDER / "package-lock.json").read_text(encoding="utf-8"))["packages"]
        named = [f"{package} {installed[f'node_modules/{package}']['version']}" for package in self.packages]
        return ", ".join([self.runtime(), *named])

    def runtime(self) -> str:
        """Name what it runs on."""
        return f"Node {version_of(self.arena.node, '--version')}"

    def command(self) -> Sequence[str | Path]:
        """Return the program."""
        return [self.arena.node, peers.FOLDER / self.script]

    def environ(self, mode: Mode) -> Mapping[str, str]:
        """Return its settings."""
        return {
            "PORT": str(self.port),
            "DATABASE_URL": self.arena.database.login_dsn,
            "API_KEY": self.token,
            "PROCESSES": str(mode.processes),
            "NODE_ENV": "production",
        }


class Express(Peer):
    """What users of the proxy before this one have."""

    name = "express"
    title = "Express + pg, bare"
    script = "express.js"
    packages = ("express", "pg")


class Fastify(Peer):
    """The quickest usual thing on Node."""

    name = "fastify"
    title = "fastify + postgres.js, bare"
    script = "fastify.js"
    packages = ("fastify", "postgres")


class Bun(Peer):
    """The quickest bare runtime."""

    name = "bun"
    title = "Bun.serve + Bun.sql, bare"
    script = "bun.js"
    packages = ()

    @classmethod
    def absent(cls) -> str | None:
        """Say whether there is a Bun for this machine."""
        return None if peers.bun().is_file() else "npm has no Bun for this machine"

    def runtime(self) -> str:
        """Name Bun."""
        return f"Bun {version_of(peers.bun(), '--version')}"

    def command(self) -> Sequence[str | Path]:
        """Return the program."""
        return [peers.bun(), peers.FOLDER / self.script]


class Constant(Bun):
    """A Bun that answers each workload from memory: how much the load generator can send and take."""

    name = "constant"
    title = "*a constant answer, no database*"
    script = "constant.js"
    warms_up = False

    def path(self, workload: Workload) -> str:
        """Return a path that says which answer is meant."""
        return f"/{workload.name}"

    def environ(self, mode: Mode) -> Mapping[str, str]:
        """Write the answers to a file, by path, and name it."""
        file = self.arena.folder / "answers.json"
        file.write_bytes(orjson.dumps({f"/{name}": self._answer(workload) for name, workload in WORKLOADS.items()}))
        return {**super().environ(mode), "ANSWERS": str(file)}

    def _answer(self, workload: Workload) -> str:
        """Return the answer to a workload's first request."""
        answers = self.arena.database.answers(workload)
        rows = answers[tuple(workload.parameters()[0])]
        return orjson.dumps({"rows": rows, "rowCount": workload.row_count}).decode()

    def check(self, workload: Workload, expected: Answers) -> None:
        """Need no check: its answers are the expected ones, of the first request of each workload."""
