"""Looking at many policy files, at a cost that is bounded."""

import os
from pathlib import Path

import pytest

from proxy.tenants import files as files_module
from proxy.tenants.files import PolicyFiles

AT_ONCE = 4


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder of more files than a look takes."""
    monkeypatch.setattr(files_module, "FILES_AT_ONCE", AT_ONCE)
    monkeypatch.setattr(files_module, "monotonic", lambda: 1.0)
    for number in range(3 * AT_ONCE):
        (tmp_path / f"tenant_{number:02}.yaml").write_text("text")
    return tmp_path


@pytest.fixture
def stats(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note each file that is asked for its stamp."""
    asked: list[str] = []
    has_changed = PolicyFiles._has_changed

    def noting(files: PolicyFiles, name: str) -> bool:
        asked.append(name)
        return has_changed(files, name)

    monkeypatch.setattr(PolicyFiles, "_has_changed", noting)
    return asked


def known(folder: Path) -> PolicyFiles:
    """Return the files of a folder, each looked at once."""
    files = PolicyFiles(folder)
    files.begin_anew()
    while files.half_way:
        files.look()
    return files


def test_a_look_asks_for_few_stamps_however_many_files_there_are(folder: Path, stats: list[str]) -> None:
    """The gateway does this each second, beside its requests."""
    files = known(folder)
    stats.clear()
    for look in range(1, 4):
        assert not files.look()
        assert len(stats) == look * AT_ONCE
    assert len(set(stats)) == 3 * AT_ONCE


def test_file_written_over_in_place_is_found_within_a_round(folder: Path) -> None:
    """Its stamp is the only one that moves."""
    files = known(folder)
    path = folder / "tenant_11.yaml"
    path.write_text("another text")
    assert [found for _ in range(3) for found in files.look()] == [path]


def test_file_put_in_the_place_of_another_is_found_at_once(folder: Path) -> None:
    """The folder's own stamp moves, and another file has the name."""
    files = known(folder)
    path = folder / "tenant_11.yaml"
    other = folder / "being-written"
    other.write_text("text")
    other.replace(path)
    assert files.look() == [path]


def test_link_is_looked_at_when_its_folder_changes(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A mounted configuration is links, behind which all files change at once."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "tenant"
    elsewhere.write_text("text")
    path = folder / "tenant_99.yaml"
    path.symlink_to(elsewhere)
    files = known(folder)
    elsewhere.write_text("another text")
    (folder / "..data").touch()
    assert files.look() == [path]


def test_files_that_are_new_or_gone_are_found_at_once(folder: Path) -> None:
    """The folder is listed when its stamp moves, and only then."""
    files = known(folder)
    new = folder / "a_new_one.yaml"
    new.write_text("text")
    (folder / "tenant_03.yaml").unlink()
    assert files.look() == [new]
    assert new.name in files.names
    assert "tenant_03.yaml" not in files.names
    files.look()
    assert not files.listed


def test_folder_is_listed_again_after_a_change(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second change within one tick of the file system's clock leaves the folder's stamp as it was."""
    files = known(folder)
    before = folder.stat()
    (folder / "tenant_03.yaml").unlink()
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    files.look()
    assert "tenant_03.yaml" in files.names
    monkeypatch.setattr(files_module, "monotonic", lambda: 10.0)
    files.look()
    assert "tenant_03.yaml" not in files.names
