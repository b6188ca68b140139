"""Reading expiry.yaml: what expires, and every fault with its line."""

from pathlib import Path

import pytest

from proxy.expiry.document import Expiry, ExpiryInvalid, parse_expiry
from proxy.expiry.files import find_databases, load_lists
from proxy.expiry.statements import count, lock_oldest
from proxy.migrations.files import load_folder
from proxy.policy.model import TableName

FAULTY = {
    "": "1:1: the file is empty (Begin with `- {table: …, column: …}`.)",
    "table: t": "1:1: an expiry list must be a list (Begin with `- {table: …, column: …}`.)",
    "- {table: [": "2:1: this is not YAML: did not find expected node content",
    "- t": "1:3: an entry must be a mapping of names to values",
    "- {table: t}": '1:3: "column" is missing',
    "- {column: c}": '1:3: "table" is missing',
    "- {table: t, column: c, keeps: 1h}": '1:25: "keeps" is not known in an entry (Did you mean "keep"?)',
    "- {table: a.b.c, column: c}": '1:11: "a.b.c" is no table name (Write table or schema.table.)',
    "- {table: pg_catalog.pg_class, column: c}": (
        "1:11: pg_catalog.pg_class belongs to PostgreSQL or the gateway (Each looks after its own.)"
    ),
    "- {table: t, column: c, keep: 1 year}": (
        '1:31: keep: "1 year" is no time from 1s to 3650d (Write 90s, 15min, 24h, 30d or 2w.)'
    ),
    "- {table: t, column: c, keep: 0s}": (
        '1:31: keep: "0s" is no time from 1s to 3650d (Write 90s, 15min, 24h, 30d or 2w.)'
    ),
    '- {table: t, column: c, where: "a) OR (b"}': (
        "1:32: where is not one condition: it closes a parenthesis that it does not open"
    ),
    "- {table: t, column: c}\n- {table: public.t, column: c, keep: 1h}": "2:3: t expires by c twice (Keep one.)",
    "- &a {table: t, column: c}": ("1:3: anchors, aliases and tags are not used in an expiry list (Write it out.)"),
}


def test_a_list_is_read() -> None:
    """Each key arrives, a time in seconds, and each entry knows its place."""
    text = """\
# why
- {table: token_blacklist, column: expires_at}
- table: app.sessions
  column: updated_at
  keep: 24h
  where: "status = 'ended'"
"""
    assert parse_expiry(text, "x.yaml") == (
        Expiry(TableName("public", "token_blacklist"), "expires_at", 0, None, "x.yaml:2"),
        Expiry(TableName("app", "sessions"), "updated_at", 86_400, "status = 'ended'", "x.yaml:3"),
    )


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15min", 900), ("2h", 7200), ("30d", 2_592_000), ("1w", 604_800)]
)
def test_a_time_has_a_unit(text: str, seconds: int) -> None:
    """Seconds to weeks."""
    assert parse_expiry(f"- {{table: t, column: c, keep: {text}}}", "x")[0].keep_s == seconds


def test_one_table_may_expire_in_two_ways() -> None:
    """By another column, or under another condition."""
    text = "- {table: t, column: a, where: x}\n- {table: t, column: a, where: y}\n- {table: t, column: b}"
    assert len(parse_expiry(text, "x")) == 3


@pytest.mark.parametrize("text", FAULTY, ids=range(len(FAULTY)))
def test_a_fault_is_told_with_its_place_and_what_to_do(text: str) -> None:
    """Each fault says what is wrong, where, and where it can what to do."""
    with pytest.raises(ExpiryInvalid) as caught:
        parse_expiry(text, "x.yaml")
    assert [str(fault) for fault in caught.value.faults] == [f"x.yaml:{FAULTY[text]}"]


def test_every_fault_of_every_file_is_told(tmp_path: Path) -> None:
    """Nothing is purged by a list of which another part is wrong."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/expiry.yaml").write_text("- {table: t}\n- {column: c}\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/expiry.yaml").write_bytes(b"- {table: t, column: c}\n# \xff\n")
    (tmp_path / "no_list").mkdir()
    assert find_databases(tmp_path) == ["a", "b"]
    with pytest.raises(ExpiryInvalid) as caught:
        load_lists(tmp_path, ["a", "b"])
    assert [(Path(fault.source).parent.name, fault.line) for fault in caught.value.faults] == [
        ("a", 1), ("a", 2), ("b", 2),
    ]  # fmt: skip


def test_migrations_do_not_see_the_list(tmp_path: Path) -> None:
    """It lies beside the numbered files, and is none of them."""
    (tmp_path / "001_first.sql").write_text("SELECT 1;")
    (tmp_path / "expiry.yaml").write_text("- {table: t, column: c}\n")
    assert [migration.version for migration in load_folder(tmp_path)] == [1]


def test_names_and_conditions_are_spelled_safely() -> None:
    """A name is quoted, and a condition that ends in a comment ends nothing else."""
    entry = Expiry(TableName("public", 'we"ird'), "at", 0, "a OR b -- why", "x:1")
    assert count(entry) == (
        'SELECT pg_catalog.count(*) FROM ONLY "public"."we""ird" WHERE "at" <= $1::timestamptz AND (\na OR b -- why\n)'
    )
    assert lock_oldest(entry).endswith(') ORDER BY "public"."we""ird"."at" LIMIT $2::bigint FOR UPDATE SKIP LOCKED')
