"""Where the tests' own servers have their data."""

import os
from pathlib import Path

import pytest
import server_folders
from server_folders import server_folder


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have a file system in memory, with some room."""
    monkeypatch.setattr(server_folders, "MEMORY", tmp_path)
    monkeypatch.setattr(server_folders, "ROOM_BYTES", 1)
    return tmp_path


def test_data_is_in_memory_where_there_is_room(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is gone afterwards; with less room, or none, it is in the temp folder."""
    with server_folder() as folder:
        assert folder.parent == memory
        assert folder.stat().st_mode & 0o777 == 0o711
    assert list(memory.iterdir()) == []
    monkeypatch.setattr(server_folders, "ROOM_BYTES", 1 << 60)
    with server_folder() as folder:
        assert folder.parent != memory
    monkeypatch.setattr(server_folders, "MEMORY", memory / "not-there")
    with server_folder() as folder:
        assert folder.parent != memory


def test_what_a_killed_run_has_left_is_cleared_away(memory: Path) -> None:
    """Not what another run still holds, however old, nor what is so new that its run may yet hold it."""
    old, new, other = memory / "dbp-tests-data-old", memory / "dbp-tests-data-new", memory / "dbp-else"
    for folder in (old, new, other):
        (folder / "18").mkdir(parents=True)
    for folder in (old, other):
        os.utime(folder, (0, 0))
    with server_folder() as held:
        os.utime(held, (0, 0))
        with server_folder() as mine:
            assert set(memory.iterdir()) == {held, mine, new, other}
