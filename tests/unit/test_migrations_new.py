"""`apply_migrations.py new`: the next file."""

from pathlib import Path

import pytest

from proxy.cli.migrations import main
from proxy.cli.migrations_new import next_number
from proxy.migrations.files import load_folder, order


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout with one database's folder, and stand in it."""
    (tmp_path / "migrations" / "calls").mkdir(parents=True)
    (tmp_path / "migrations" / "calls" / "009_first.sql").write_text("SELECT 1;")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_next_file_is_made_and_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The path is all that is printed, so that an editor can be given it."""
    assert main(["new", "Add user's preferences!"], home=home) == 0
    assert capsys.readouterr().out == "migrations/calls/010_add_user_s_preferences.sql\n"
    made = home / "migrations/calls/010_add_user_s_preferences.sql"
    assert made.read_text().startswith("-- Add user's preferences!.\n")
    assert [file.version for file in load_folder(made.parent)] == [9, 10]


@pytest.mark.parametrize(
    ("listing", "number"),
    [
        ([], "001"),
        (["001_a.sql", "009_b.sql"], "010"),
        (["0007_a.sql"], "0008"),
        (["V7__a.sql"], "008"),
        (["999_a.sql"], "1000"),
        (["20240101120000_a.sql"], "20251121090000"),
        (["20990101120000_a.sql"], "20990101120001"),
    ],
)
def test_the_number_goes_on_as_the_folder_counts(listing: list[str], number: str) -> None:
    """As wide as the last one; by time where the folder counts by time."""
    assert next_number(order(listing), now_s=1763715600) == number


def test_a_description_that_is_there_already_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file that is there is named, and stays as it is."""
    assert main(["new", "first", "calls"], home=home) == 1
    assert "009_first.sql is called so already" in capsys.readouterr().err
    assert [file.name for file in (home / "migrations/calls").iterdir()] == ["009_first.sql"]


@pytest.mark.parametrize("words", [["x", "nosuch"], ["!?"], []])
def test_wrong_usage_makes_nothing(home: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is not there is not made, and a file needs a name."""
    with pytest.raises(SystemExit) as caught:
        main(["new", *words], home=home)
    assert caught.value.code == 2
    assert capsys.readouterr().err
    assert len(list((home / "migrations/calls").iterdir())) == 1


def test_which_database_has_to_be_said_where_there_are_several(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names them."""
    (home / "migrations" / "agents").mkdir()
    with pytest.raises(SystemExit):
        main(["new", "x"], home=home)
    assert "agents, calls" in capsys.readouterr().err
    assert main(["new", "x", "agents"], home=home) == 0
    assert (home / "migrations/agents/001_x.sql").exists()


def test_numbers_that_clash_already_are_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new file would not mend it."""
    (home / "migrations/calls/009_other.sql").write_text("SELECT 2;")
    assert main(["new", "x"], home=home) == 1
    assert "009_first.sql and 009_other.sql" in capsys.readouterr().err
