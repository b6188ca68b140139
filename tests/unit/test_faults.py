"""PostgreSQL's errors in the caller's terms: what passes, and what is withheld."""

from typing import Any

import asyncpg
import pytest

from proxy.database import faults
from proxy.errors import StatementFailed


def translated(
    code: str, message: str, sql: str = "SELECT 1", values: tuple[str, ...] = (), **more: str
) -> StatementFailed:
    """Translate an error as asyncpg builds it from the server's fields."""
    fields: dict[str, Any] = {"S": "ERROR", "C": code, "M": message, **more}
    return faults.translate(asyncpg.PostgresError.new(fields), sql, values)


def test_the_fields_of_postgresql_come_through() -> None:
    """SQLSTATE, message, detail, hint, position and constraint are the server's own."""
    failure = translated("42703", 'column "nam" does not exist', "SELECT nam FROM t", P="8", H="h", D="d")
    assert (failure.code, failure.message, failure.position) == ("42703", 'column "nam" does not exist', 8)
    assert (failure.detail, failure.hint, failure.applied) == ("d", "h", "no")
    assert translated("23505", "m", n="users_pkey").constraint == "users_pkey"


@pytest.mark.parametrize(
    ("message", "sql", "values", "expected"),
    [
        ('invalid input syntax for type integer: "acme order"', "SELECT note::int FROM orders", (), '…: "…"'),
        ('invalid input syntax for type integer: "abc"', "SELECT $1::int", ("abc",), '…: "abc"'),
        ('invalid input syntax for type integer: "abc"', "SELECT 'abc'::int", (), '…: "abc"'),
        ('invalid input syntax for type integer: "o"', "SELECT note::int FROM orders", (), '…: "…"'),
        ('unit "secret" not recognized', "SELECT date_part(note, now()) FROM orders", (), 'unit "…" not recognized'),
        ("ungültig: „geheim“", "SELECT 1", (), 'ungültig: "…"'),
        ("invalide : «secret»", "SELECT 1", (), 'invalide : "…"'),
        ('invalid: "a\nsecret"', "SELECT 1", (), 'invalid: "…"'),
        ('invalid input: ""', "SELECT ''::int", (), 'invalid input: ""'),
    ],
)
def test_a_quoted_value_passes_only_if_the_caller_brought_it(
    message: str, sql: str, values: tuple[str, ...], expected: str
) -> None:
    """Text from a table is withheld, also one that merely stands inside a word of the caller's."""
    expected = expected.replace("…: ", "invalid input syntax for type integer: ") if expected[0] == "…" else expected
    assert translated("22P02", message, sql, values).message == expected


def test_names_read_from_data_are_withheld_in_other_classes_too() -> None:
    """A cast to regclass turns a table's text into a name that does not exist."""
    assert translated("42P01", 'relation "acme order" does not exist').message == 'relation "…" does not exist'
    assert translated("42704", 'unrecognized configuration parameter "a.b"').message.endswith('"…"')


def test_names_of_constraints_and_relations_pass() -> None:
    """Integrity violations and missing rights name what the schema calls things."""
    message = 'duplicate key value violates unique constraint "users_email_key"'
    assert translated("23505", message).message == message
    message = 'new row violates row-level security policy for table "orders"'
    assert translated("42501", message).message == message
    message = 'no stock for "x"'
    assert translated("P0001", message).message == message


@pytest.mark.parametrize(
    ("detail", "values", "passes"),
    [
        ("Key (email)=(a@b.c) already exists.", ("a@b.c",), True),
        ("Key (email)=(a@b.c) already exists.", ("x",), False),
        ("Key (tenant_id, email)=(5, a@b.c) already exists.", ("5", "a@b.c"), True),
        ("Key (tenant_id, email)=(6, a@b.c) already exists.", ("5", "a@b.c"), False),
        ("Key (during)=([1,3)) conflicts with existing key (during)=([2,9)).", ("[1,3)",), False),
        ("Failing row contains (1, secret, null).", ("1",), False),
    ],
)
def test_a_key_passes_only_if_the_caller_brought_it(detail: str, values: tuple[str, ...], passes: bool) -> None:
    """The detail of a violation shows values of rows: those of the caller's own, or none."""
    assert translated("23505", "m", values=values, D=detail).detail == (detail if passes else None)


def test_no_text_of_the_driver_comes_through() -> None:
    """Asyncpg adds advice of its own to some errors; a caller gets PostgreSQL's words."""
    failure = translated("26000", 'prepared statement "s1" does not exist')
    assert "pgbouncer" not in f"{failure.message}{failure.hint}"


@pytest.mark.parametrize(
    ("unsound", "codes"),
    [
        (True, ["08006", "53200", "57P01", "57014", "XX000", "58030"]),
        (False, ["23505", "42P01", "22012", "40001", "25006", "P0001"]),
    ],
)
def test_a_connection_is_dropped_after_errors_of_the_servers_own(unsound: bool, codes: list[str]) -> None:
    """Errors of the statement leave the connection in a known state."""
    assert [faults.is_unsound(code) for code in codes] == [unsound] * len(codes)
