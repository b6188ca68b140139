"""Which PostgreSQL is taken, of those that are there."""

from pathlib import Path

import pytest

from proxy.embedded import EmbeddedFailed, find_binaries


def _fake(folder: Path, version: str) -> Path:
    folder.mkdir()
    for name in ("postgres", "initdb"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return folder


def test_an_override_comes_first(tmp_path: Path) -> None:
    """The folder that the environment names is taken, whatever else there is."""
    folder = _fake(tmp_path / "pg", "17.2 (Debian 17.2-1)")
    found = find_binaries({"PROXY_PG_BINDIR": str(folder)})
    assert (found.folder, found.major, found.packaged) == (folder, 17, False)


@pytest.mark.parametrize("version", ["14.9", "9.6.24", "no version at all"])
def test_an_override_too_old_is_refused_by_name(tmp_path: Path, version: str) -> None:
    """An override is never passed over in silence."""
    folder = _fake(tmp_path / "pg", version)
    with pytest.raises(EmbeddedFailed, match=r"PROXY_PG_BINDIR=.*holds no usable"):
        find_binaries({"PROXY_PG_BINDIR": str(folder)})


def test_a_folder_of_client_programs_alone_is_no_server(tmp_path: Path) -> None:
    """`postgres` without `initdb` cannot make a cluster."""
    folder = _fake(tmp_path / "pg", "17.2")
    (folder / "initdb").unlink()
    with pytest.raises(EmbeddedFailed):
        find_binaries({"PROXY_PG_BINDIR": str(folder)})


def test_the_package_is_found_without_an_override() -> None:
    """The package's programs come before installed ones."""
    found = find_binaries({})
    assert found.packaged
    assert found.major == 18
