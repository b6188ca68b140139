"""The extended query protocol's messages: what goes out is what the protocol says, and what comes is read."""

import struct

import asyncpg
import pytest
from server_messages import error, message

from proxy.database import messages
from proxy.database.messages import Binding, Column


def split(sent: bytes) -> list[tuple[bytes, bytes]]:
    """Take messages apart by their lengths, down to the last byte."""
    found = []
    while sent:
        (length,) = struct.unpack_from(">I", sent, 1)
        found.append((sent[:1], sent[5 : 1 + length]))
        assert len(sent) >= 1 + length
        sent = sent[1 + length :]
    return found


def test_statement_is_prepared_and_described_in_one_go() -> None:
    """Parse without types of its own, Describe, Sync."""
    assert split(messages.prepare("s1", "SELECT 'ä'")) == [
        (b"P", b"s1\0" + "SELECT 'ä'".encode() + b"\0\0\0"),
        (b"D", b"Ss1\0"),
        (b"S", b""),
    ]
    assert split(messages.close("s1")) == [(b"C", b"Ss1\0"), (b"S", b"")]
    assert split(messages.query("COMMIT")) == [(b"Q", b"COMMIT\0")]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        ([], b"\0\0"),
        (["7"], b"\0\x01\0\0\0\x017"),
        ([None, "", "ä"], b"\0\x03\xff\xff\xff\xff\0\0\0\0\0\0\0\x02" + "ä".encode()),
    ],
)
def test_parameters_go_out_as_text(texts: list[str | None], values: bytes) -> None:
    """Their formats are all text's, which is said by naming none; NULL has the length -1."""
    binding = Binding("s7", len(texts), [])
    assert split(binding.messages(texts)) == [
        (b"B", b"\0s7\0\0\0" + values + b"\0\0"),
        (b"E", b"\0\0\0\0\0"),
        (b"S", b""),
    ]


def test_each_column_comes_in_its_format() -> None:
    """One format for each: PostgreSQL takes a single one for that of all."""
    [bind, *_] = split(Binding("s1", 0, [True, False, True]).messages([]))
    assert bind == (b"B", b"\0s1\0\0\0\0\0\0\x03\0\x01\0\0\0\x01")


def test_as_many_parameters_as_postgresql_takes_fit() -> None:
    """Their count is 16 bits wide, without a sign."""
    [bind, *_] = split(Binding("s1", 65_535, []).messages(["x"] * 65_535))
    assert bind[1].startswith(b"\0s1\0\0\0\xff\xff")
    assert bind[1].count(b"\0\0\0\x01x") == 65_535


def test_description_is_read() -> None:
    """Names in UTF-8, and OIDs that need all 32 bits."""
    columns = [("id", 23), ("größe", 4_000_000_000), ("?column?", 25)]
    body = struct.pack(">H", len(columns)) + b"".join(
        name.encode() + b"\0" + struct.pack(">IhIhih", 16_384, 1, oid, 4, -1, 0) for name, oid in columns
    )
    assert messages.read_columns(body) == [Column(name, oid) for name, oid in columns]
    assert messages.read_parameter_types(struct.pack(">H2I", 2, 25, 4_000_000_000)) == [25, 4_000_000_000]
    assert messages.read_parameter_types(b"\0\0") == []


def test_error_is_the_drivers_exception_of_its_code() -> None:
    """With all that PostgreSQL says of it, and what is no UTF-8 made readable."""
    body = error("23505", "duplicate key", D="Key (id)=(1) already exists.", n="t_pkey")[5:]
    read = messages.read_error(body)
    assert isinstance(read, asyncpg.UniqueViolationError)
    assert (str(read.args[0]), read.detail, read.constraint_name) == (
        "duplicate key",
        "Key (id)=(1) already exists.",
        "t_pkey",
    )
    assert messages.read_error(b"C57P01\0Mgone \xff\0\0").args == ("gone \N{REPLACEMENT CHARACTER}",)


def test_spelled_messages_of_a_server_are_whole() -> None:
    """What the driver is told has the lengths that it says it has."""
    assert [kind for kind, _ in split(messages.LOGGED_IN)] == [b"R", b"Z"]
    assert [kind for kind, _ in split(messages.COMPLETED)] == [b"C", b"Z"]
    [parsed, parameters, description] = split(messages.described([25, 23]))
    assert (parsed[0], parameters) == (b"1", (b"t", b"\0\0"))
    assert messages.read_columns(description[1]) == [Column("", 25), Column("", 23)]
    assert message(b"T", description[1]) in messages.described([25, 23])
