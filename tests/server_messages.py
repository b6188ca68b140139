"""What PostgreSQL sends, spelled by hand."""

import struct
from collections.abc import Sequence

READY = b"Z\0\0\0\x05I"
BIND_COMPLETE = b"2\0\0\0\x04"


def message(kind: bytes, body: bytes = b"") -> bytes:
    """Spell one message."""
    return kind + struct.pack(">I", len(body) + 4) + body


def row(values: Sequence[bytes | None]) -> bytes:
    """Spell a DataRow."""
    parts = [b"\xff\xff\xff\xff" if value is None else struct.pack(">i", len(value)) + value for value in values]
    return message(b"D", struct.pack(">H", len(values)) + b"".join(parts))


def complete(tag: bytes) -> bytes:
    """Spell a CommandComplete."""
    return message(b"C", tag + b"\0")


def error(code: str, text: str, **more: str) -> bytes:
    """Spell an ErrorResponse; further fields by their letters."""
    fields = {"S": "ERROR", "V": "ERROR", "C": code, "M": text, **more}
    return message(b"E", b"".join(f"{letter}{value}\0".encode() for letter, value in fields.items()) + b"\0")
