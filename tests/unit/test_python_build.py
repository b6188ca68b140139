"""How a Python was built, told by what it says of itself."""

import sys
import sysconfig
from typing import Any

import pytest

from benchmarks import machine
from tools import python_build


@pytest.mark.parametrize(
    ("configured", "schemes", "optimised"),
    [
        ("'--prefix=/usr/local' '--enable-optimizations'", ("posix_prefix", "venv"), True),
        ("'--enable-shared' '--prefix=/usr'", ("deb_system", "posix_local", "venv"), True),
        ("'--prefix=/root/.pyenv/versions/3.11.7' '--enable-shared'", ("posix_prefix", "venv"), False),
        (None, ("nt", "venv"), False),
    ],
    ids=["says-so", "debian", "pyenv", "says-nothing"],
)
def test_an_optimised_build_is_told(
    monkeypatch: pytest.MonkeyPatch, configured: str | None, schemes: tuple[str, ...], optimised: bool
) -> None:
    """By its configure arguments, or as Debian's; the benchmark's line about the machine says it."""
    monkeypatch.setattr(sysconfig, "get_config_var", {"CONFIG_ARGS": configured}.get)
    monkeypatch.setattr(sysconfig, "get_scheme_names", lambda: schemes)
    assert python_build.is_optimised() is optimised
    assert machine.facts()["Python"].endswith("), an optimised build" if optimised else "), not an optimised build")


@pytest.mark.parametrize("missing", ["ensurepip", "venv"])
def test_a_python_without_venv_is_none_to_choose(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    """As Debian's is where the package python3-venv is not installed."""
    monkeypatch.setitem(sys.modules, missing, None)
    assert (python_build.main(), capsys.readouterr().out) == (1, "")


@pytest.mark.parametrize(("version", "status"), [((3, 10, 13), 1), ((3, 11, 0), 0)])
def test_a_python_too_old_is_none_to_choose(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], version: Any, status: int
) -> None:
    """One that is new enough says how it was built."""
    monkeypatch.setattr(sys, "version_info", version)
    assert python_build.main() == status
    assert capsys.readouterr().out in ({"optimised\n", "plain\n"} if status == 0 else {""})
