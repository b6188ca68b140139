"""Bare proxies, whose programs are in `benchmarks/peers`, and a server that answers without a thought."""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import orjson

from benchmarks import peers
from benchmarks.contestants.base import Answers, Arena
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

    @abstractmethod
    def runtime(self) -> str:
        """Name what it runs on, with its version."""

    def environ(self, mode: Mode) -> Mapping[str, str]:
        """Return its settings."""
        return {
            "PORT": str(self.port),
            "DATABASE_URL": self.arena.database.login_dsn,
            "API_KEY": self.token,
            "PROCESSES": str(mode.processes),
            "NODE_ENV": "production",
        }


class NodePeer(Peer):
    """A peer on Node: the packaged one, or what `--node` says. Its title names the line."""

    def __init__(self, arena: Arena) -> None:
        super().__init__(arena)
        self.node = self.find_node()
        self.title = f"{self.title}, {self.line}"

    def find_node(self) -> Path:
        """Return the Node that it runs on."""
        return self.arena.node

    @property
    def line(self) -> str:
        """The Node's line, such as `Node 24`; with its path where it is the caller's own."""
        major = node_version(self.node).removeprefix("v").partition(".")[0]
        ours = self.node.is_relative_to(peers.FOLDER) or self.node == peers.NODE
        return f"Node {major}" if ours else f"Node {major} ({self.node})"

    def runtime(self) -> str:
        """Name Node."""
        return f"Node {node_version(self.node)}"

    def command(self) -> Sequence[str | Path]:
        """Return the program."""
        return [self.node, peers.FOLDER / self.script]


@cache
def node_version(node: Path) -> str:
    """Return what a Node calls its version, such as `v24.19.0`."""
    return version_of(node, "--version")


class Express(NodePeer):
    """What users of the proxy before this one have, on the newest Node."""

    name = "express"
    title = "Express + pg, bare"
    script = "express.js"
    packages = ("express", "pg")


class OlderExpress(Express):
    """The same on an older line of Node, which npm carries."""

    major: int

    def find_node(self) -> Path:
        """Return npm's, whatever `--node` says."""
        return peers.older_node(self.major)

    @classmethod
    def absent(cls) -> str | None:
        """Say whether there is this Node for this machine."""
        return None if peers.older_node(cls.major).is_file() else f"npm brought no Node {cls.major} for this machine"


class ExpressOnNode18(OlderExpress):
    """On the line that Debian 12 packages."""

    name = "express-node18"
    major = 18


class ExpressOnNode20(OlderExpress):
    """On the line that was LTS until April 2026."""

    name = "express-node20"
    major = 20


class ExpressOnNode22(OlderExpress):
    """On the line that was the newest LTS until weeks before the proxy of before was written."""

    name = "express-node22"
    major = 22


class Fastify(NodePeer):
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
        return None if peers.bun().is_file() else "npm brought no Bun for this machine"

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
