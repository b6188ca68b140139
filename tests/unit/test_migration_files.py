"""Which files are migrations, and in which order."""

from pathlib import Path

import pytest

from proxy.migrations.files import Migration, MigrationsInvalid, load_folder, order


def test_files_go_by_their_number() -> None:
    """Numbers count, not letters; gaps are fine; other files are not looked at."""
    listing = ["10_ten.sql", "009_nine.sql", "README.md", "001_one.sql", ".002_hidden.sql", "1000_last.sql"]
    found = [(name.version, name.description) for name in order(listing)]
    assert found == [(1, "one"), (9, "nine"), (10, "ten"), (1000, "last")]


@pytest.mark.parametrize(
    ("file", "version", "description"),
    [
        ("001-foo.sql", 1, "foo"),
        ("V7__init.sql", 7, "init"),
        ("20240101120000_add_calls.sql", 20240101120000, "add_calls"),
        ("003_init.up.sql", 3, "init"),
        ("004_UPPER.SQL", 4, "UPPER"),
    ],
)
def test_other_tools_names_are_read(file: str, version: int, description: str) -> None:
    """A folder that comes from another tool needs no new names."""
    assert [(name.version, name.description) for name in order([file])] == [(version, description)]


def test_the_way_back_is_never_applied() -> None:
    """A .down.sql would undo what its .up.sql does."""
    listing = ["001_a.up.sql", "001_a.down.sql", "002_b.sql", "002_b.down.sql"]
    assert [name.file for name in order(listing)] == ["001_a.up.sql", "002_b.sql"]


@pytest.mark.parametrize("same", [("006_a.sql", "006_b.sql", "006_c.sql"), ("006_a.sql", "6_b.sql")])
def test_files_of_one_number_are_all_named(same: tuple[str, ...]) -> None:
    """Nothing says which of them comes first."""
    with pytest.raises(MigrationsInvalid) as caught:
        order(["001_a.sql", *same, "007_c.sql"], "migrations/x")
    assert all(name in caught.value.message for name in (*same, "migrations/x"))
    assert "007" not in caught.value.message


@pytest.mark.parametrize("inner", ["002_b", "20240101120000_init", "V3__c"])
def test_a_migration_in_a_folder_of_its_own_is_named(tmp_path: Path, inner: str) -> None:
    """It would silently never be applied."""
    (tmp_path / "001_a.sql").write_text("SELECT 1;")
    (tmp_path / inner).mkdir()
    (tmp_path / inner / "migration.sql").write_text("SELECT 2;")
    with pytest.raises(MigrationsInvalid, match=f"{inner}/migration.sql: lies in a folder of its own"):
        load_folder(tmp_path)


def test_folders_beside_migrations_are_left_alone(tmp_path: Path) -> None:
    """What is no migration may lie beside them, unless there is nothing but folders."""
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "report.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationsInvalid, match=r"queries/report\.sql"):
        load_folder(tmp_path)
    (tmp_path / "001_a.sql").write_text("SELECT 1;")
    assert [file.version for file in load_folder(tmp_path)] == [1]


@pytest.mark.parametrize(
    "file",
    [
        "seed.sql",
        "a01_x.sql",
        "01.sql",
        "01_.sql",
        "٣_x.sql",
        "V1_x.sql",
        "V1_1__x.sql",
        "V1.1__x.sql",
        "R__x.sql",
        f"{10**18}_x.sql",
    ],
)
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


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"SELECT 1;\nSELECT '\xe9';\n", 2, "not UTF-8"),
        ("SELECT 1;\n".encode("utf-16"), 1, "not UTF-8"),
        ("SELECT 'é';\n\nSELECT '\0';\n".encode(), 3, "a NUL byte"),
    ],
)
def test_a_file_that_is_no_utf8_text_is_named_with_its_line(
    tmp_path: Path, content: bytes, line: int, words: str
) -> None:
    """PostgreSQL would refuse it without a word of where."""
    (tmp_path / "001_a.sql").write_bytes(content)
    with pytest.raises(MigrationsInvalid, match=rf"001_a\.sql:{line}: {words}"):
        load_folder(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """The message says which, and what the system says of it."""
    (tmp_path / "001_a.sql").symlink_to("nowhere.sql")
    assert load_folder(tmp_path) == ()
    with pytest.raises(MigrationsInvalid, match="nosuch: cannot be read: No such file"):
        load_folder(tmp_path / "nosuch")


def test_line_ends_of_the_checkout_do_not_reach_the_database(tmp_path: Path) -> None:
    """What runs is the text that the checksum tells of."""
    (tmp_path / "001_a.sql").write_bytes(b"SELECT '\r\n';\r\n")
    [file] = load_folder(tmp_path)
    assert file.text == "SELECT '\n';\n"


def test_paths_are_told_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal can open what a message names."""
    folder = tmp_path / "migrations" / "x"
    folder.mkdir(parents=True)
    (folder / "001_a.sql").write_text("SELECT 1")
    monkeypatch.chdir(tmp_path)
    assert load_folder(folder.absolute()) == (Migration(1, "a", "migrations/x/001_a.sql", "SELECT 1"),)
