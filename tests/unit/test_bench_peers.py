"""The bare proxies of the benchmark: which Node each of them runs on."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks import peers
from benchmarks.contestants import CONTESTANTS, Arena, Express
from benchmarks.contestants.bare import ExpressOnNode20, OlderExpress
from benchmarks.summary import USERS_EXPRESS


def arena(node: Path) -> Arena:
    """Make an arena of which contestants that are not started need the Node alone."""
    return Arena(cast(Any, None), cast(Any, None), Path(), node)


def fake_node(path: Path, version: str) -> Path:
    """Make a program that says the version of a Node."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


def test_a_title_names_the_line_of_node(tmp_path: Path) -> None:
    """Where it is the caller's own, it says which one that is."""
    node = fake_node(tmp_path / "node", "v23.1.0")
    assert Express(arena(node)).title == f"Express + pg, bare, Node 23 ({node})"
    assert Express(arena(node)).runtime() == "Node v23.1.0"


def test_an_older_express_runs_on_the_node_that_npm_brought(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever Node the others run on; it is absent where npm brought none."""
    monkeypatch.setattr(peers, "FOLDER", tmp_path)
    assert ExpressOnNode20.absent() == "npm brought no Node 20 for this machine"
    fake_node(peers.older_node(20), "v20.3.1")
    assert ExpressOnNode20.absent() is None
    express = ExpressOnNode20(arena(tmp_path / "no-node"))
    assert (express.title, express.line) == ("Express + pg, bare, Node 20", "Node 20")
    assert express.command()[0] == peers.older_node(20)


@pytest.mark.parametrize("processor", ["x64", "arm64"])
def test_older_nodes_are_pinned(processor: str) -> None:
    """The lock has one of each line that takes part; the Express that users have is one of them."""
    lock = json.loads((peers.FOLDER / "package-lock.json").read_text())["packages"]
    older = {kind.name: kind for kind in CONTESTANTS.values() if issubclass(kind, OlderExpress)}
    locked = {
        name: int(lock[f"node_modules/node{kind.major}-linux-{processor}"]["version"].split(".")[0])
        for name, kind in older.items()
    }
    assert locked == {"express-node18": 18, "express-node20": 20, "express-node22": 22}
    assert USERS_EXPRESS in locked
