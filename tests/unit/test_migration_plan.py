"""What is left to do, from files and rows."""

from datetime import UTC, datetime

import pytest

from proxy.migrations.files import Migration, MigrationsInvalid
from proxy.migrations.plan import Applied, Entry, compare, pending


def file(version: int, text: str = "SELECT 1") -> Migration:
    """Make a migration file."""
    return Migration(version, f"m{version}", f"x/{version:03d}_m{version}.sql", text)


def row(version: int, text: str = "SELECT 1") -> Applied:
    """Make the row of such a file."""
    checksum = file(version, text).checksum
    return Applied(version, f"m{version}", checksum, datetime(2025, 11, 21, tzinfo=UTC), 5, "postgres")


def numbers(entries: tuple[Entry, ...], **options: int | bool) -> list[int]:
    """Return the numbers of what is pending."""
    return [migration.version for migration in pending(entries, **options)]  # type: ignore[arg-type]


def test_what_has_no_row_is_pending_in_order() -> None:
    """Gaps are fine."""
    assert numbers(compare([file(1), file(2), file(4), file(9)], [row(1), row(2)])) == [4, 9]


def test_nothing_is_pending_when_all_has_rows() -> None:
    """A second run finds nothing to do."""
    assert numbers(compare([file(1), file(2)], [row(1), row(2)])) == []


def test_to_stops_with_its_number() -> None:
    """The number itself is applied."""
    entries = compare([file(1), file(2), file(4)], [row(1)])
    assert numbers(entries, to=2) == [2]
    assert numbers(entries, to=1) == []


def test_to_has_to_exist() -> None:
    """A slip of the finger applies nothing."""
    with pytest.raises(MigrationsInvalid, match="no migration 003"):
        pending(compare([file(1), file(4)], []), to=3)


def test_a_changed_file_stops_everything_and_shows_both_checksums() -> None:
    """The database is not what the file says any more."""
    entries = compare([file(1, "SELECT 2"), file(2)], [row(1)])
    assert [entry.state for entry in entries] == ["changed", "pending"]
    with pytest.raises(MigrationsInvalid) as caught:
        pending(entries)
    assert file(1, "SELECT 2").checksum in caught.value.message
    assert row(1).checksum in caught.value.message


def test_an_applied_file_that_is_gone_stops_everything() -> None:
    """An old checkout cannot know what the newer one did."""
    entries = compare([file(1)], [row(1), row(2)])
    assert [entry.state for entry in entries] == ["applied", "missing"]
    with pytest.raises(MigrationsInvalid, match="002 m2 was applied, and there is no file of it"):
        pending(entries)


def test_a_file_inserted_below_the_highest_applied_needs_a_word() -> None:
    """It has been tried after nothing that stands above it."""
    entries = compare([file(1), file(2), file(3)], [row(1), row(3)])
    with pytest.raises(MigrationsInvalid, match=r"x/002_m2\.sql: numbered below 003"):
        pending(entries)
    assert numbers(entries, out_of_order=True) == [2]
