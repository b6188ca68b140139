"""A database to migrate, files to migrate it with, and somebody who may."""

from pathlib import Path

import pytest
from administration import Folder
from databases import MakeDatabase

from proxy.migrations.files import Migration, load_folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return what makes a folder's migrations of texts, numbered from 1."""

    def make(*texts: str) -> tuple[Migration, ...]:
        for number, text in enumerate(texts, 1):
            (tmp_path / f"{number:03d}_step.sql").write_text(text)
        return load_folder(tmp_path)

    return make


@pytest.fixture
def database(make_database: MakeDatabase) -> str:
    """Return an empty database."""
    return make_database("migrate")
