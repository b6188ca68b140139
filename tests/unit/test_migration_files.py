"""Which files are migrations, and in which order."""

from pathlib import Path

import pytest

from proxy.migrations.files import Migration, MigrationsInvalid, load_folder, order


def test_files_go_by_their_number() -> None:
    """Numbers count, not letters; gaps are fine; other files are not looked at."""
    listing = ["10_ten.sql", "009_nine.sql", "README.md", "001_one.sql", ".002_hidden.sql", "1000_last.sql"]
    found = [(name.version, name.description) for name in order(listing)]
    assert found == [(1, "one"), (9, "nine"), (10, "ten"), (1000, "last")]


@pytest.mark.parametrize("pair", [("006_a.sql", "006_b.sql"), ("006_a.sql", "6_b.sql")])
def test_two_files_of_one_number_are_both_named(pair: tuple[str, str]) -> None:
    """Nothing says which of them comes first."""
    with pytest.raises(MigrationsInvalid) as caught:
        order(["001_a.sql", *pair, "007_c.sql"], "migrations/x")
    assert all(name in caught.value.message for name in (*pair, "006", "migrations/x"))


@pytest.mark.parametrize("file", ["seed.sql", "a01_x.sql", "01.sql", "01_.sql", "01-x.sql", "٣_x.sql"])
def test_an_sql_file_without_a_number_is_named(file: str) -> None:
    """It would silently never be applied."""
    with pytest.raises(MigrationsInvalid, match="has no number") as caught:
        order(["001_a.sql", file])
    assert file in caught.value.message


def test_the_checksum_is_that_of_the_text_whatever_the_checkout(tmp_path: Path) -> None:
    """Line ends and a byte order mark do not count; anything else does."""
    (tmp_path / "001_unix.sql").write_bytes(b"SELECT 1;\n-- \xc3\xa9\n")
    (tmp_path / "002_windows.sql").write_bytes(b"\xef\xbb\xbfSELECT 1;\r\n-- \xc3\xa9\r\n")
    (tmp_path / "003_other.sql").write_bytes(b"SELECT 1; \n-- \xc3\xa9\n")
    unix, windows, other = (file.checksum for file in load_folder(tmp_path))
    assert unix == windows != other
    assert len(unix) == 64


def test_a_file_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    """PostgreSQL would refuse it without a word of where."""
    (tmp_path / "001_a.sql").write_bytes(b"SELECT 1;\nSELECT '\xe9';\n")
    with pytest.raises(MigrationsInvalid, match=r"001_a\.sql:2: not UTF-8"):
        load_folder(tmp_path)


def test_paths_are_told_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal can open what a message names."""
    folder = tmp_path / "migrations" / "x"
    folder.mkdir(parents=True)
    (folder / "001_a.sql").write_text("SELECT 1")
    monkeypatch.chdir(tmp_path)
    assert load_folder(folder.absolute()) == (Migration(1, "a", "migrations/x/001_a.sql", "SELECT 1"),)
