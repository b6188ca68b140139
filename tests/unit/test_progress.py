"""What someone sees who waits."""

import time

import pytest

from proxy import progress
from proxy.progress import Progress


def test_a_quick_step_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """What takes less than a second is not worth a line."""
    with Progress("Starting"):
        pass
    assert capsys.readouterr().err == ""


def test_a_slow_step_is_told_at_once_and_at_its_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a log there are two lines: it goes on, and it took so long."""
    monkeypatch.setattr(progress, "SHOWN_AFTER_S", 0.01)
    with Progress("Starting"):
        time.sleep(0.1)
    going_on, done = capsys.readouterr().err.splitlines()
    assert going_on == "Starting …"
    assert done.startswith("Starting: done in 0.1")


def test_a_step_that_fails_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception passes through, and the line does not claim success."""
    monkeypatch.setattr(progress, "SHOWN_AFTER_S", 0.01)

    def fail() -> None:
        with Progress("Starting"):
            time.sleep(0.1)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert "Starting: failed in" in capsys.readouterr().err
