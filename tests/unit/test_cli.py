"""The command line's frame: dispatch, exit statuses, help."""

import importlib
import sys
from argparse import ArgumentParser, Namespace
from types import ModuleType

import pytest

from proxy import cli
from proxy.cli.console import CommandFailed, UsageError


def install(monkeypatch: pytest.MonkeyPatch, failure: Exception | None) -> None:
    """Add a command `probe` that fails as told, or prints its argument."""
    module = ModuleType("probe_command")

    def configure(parser: ArgumentParser) -> None:
        parser.add_argument("word")

    def run(arguments: Namespace) -> int:
        if failure is not None:
            raise failure
        print(arguments.word)  # noqa: T201 - the probe is a command
        return 0

    module.configure = configure  # type: ignore[attr-defined]
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "probe_command", module)
    monkeypatch.setitem(cli.COMMANDS, "probe", cli.Command("probe_command", "a probe"))


def test_a_command_is_a_module_and_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A registered module is configured, run, and its status returned."""
    install(monkeypatch, None)
    assert cli.main(["probe", "hello"]) == 0
    assert capsys.readouterr().out == "hello\n"


@pytest.mark.parametrize(
    ("failure", "status"),
    [(CommandFailed("it broke", "mend it"), 1), (UsageError("it broke", "mend it"), 2), (KeyboardInterrupt(), 130)],
)
def test_failures_become_statuses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failure: Exception, status: int
) -> None:
    """A failed command says what and what to do on standard error, and nothing on standard output."""
    install(monkeypatch, failure)
    assert cli.main(["probe", "hello"]) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    if status < 130:
        assert shown.err == "database-proxy: it broke\n  mend it\n"


def test_unknown_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that is no command exits with 2 and names the commands there are."""
    with pytest.raises(SystemExit) as caught:
        cli.main(["no-such-command"])
    assert caught.value.code == 2
    assert "policy" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command's module is there, and its help exits 0."""
    importlib.import_module(cli.COMMANDS[name].module)
    with pytest.raises(SystemExit) as caught:
        cli.main([name, "--help"])
    assert caught.value.code == 0
    assert name in capsys.readouterr().out
