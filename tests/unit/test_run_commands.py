"""What `./run test` asks of pytest."""

import importlib
import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "processors", "asked"),
    [
        ([], 2, ["--numprocesses=2", "--dist=worksteal"]),
        ([], 64, ["--numprocesses=4", "--dist=worksteal"]),
        ([], None, ["--numprocesses=1", "--dist=worksteal"]),
        (["tests/unit", "-k", "policy"], 2, ["tests/unit", "-k", "policy"]),
    ],
    ids=["two processors", "many processors", "who knows", "chosen tests"],
)
def test_all_tests_are_spread_and_chosen_ones_are_not(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], processors: int | None, asked: list[str]
) -> None:
    """A process for each processor, up to four; what the caller says is all that pytest hears."""
    monkeypatch.syspath_prepend(CHECKOUT / "tools")
    monkeypatch.chdir(CHECKOUT)
    run = importlib.import_module("tools.run")
    started: list[str] = []
    monkeypatch.setattr(run, "start", lambda *command: started.extend(map(str, command)))
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    run.test(arguments)
    assert started == [str(CHECKOUT / ".venv" / "bin" / "python"), "-m", "pytest", *asked]
