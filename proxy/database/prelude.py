"""What runs in front of a statement, in the same round trip and the same transaction: BEGIN, and session settings.

Each command is sent as Parse, Bind and Execute without a Sync. Whoever reads
the answer reads over their replies (ParseComplete, BindComplete,
CommandComplete): the statement's own come last.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from proxy.database.messages import command
from proxy.errors import Refusal

BEGIN: Final = command("BEGIN")


def change_settings(had: Mapping[str, str | None], wanted: Mapping[str, str]) -> bytes:
    """Return the commands that lead from one set of session settings to another; nothing where they are equal.

    A value of None in `had` is not known. Raises `Refusal` for a value that
    PostgreSQL's text cannot hold, ValueError for a name that is not a custom setting's.
    """
    if had == wanted:
        return b""
    sets = [_set(name, value) for name, value in wanted.items() if had.get(name) != value]
    return b"".join(sets + [_reset(name) for name in had if name not in wanted])


@lru_cache(maxsize=2048)
def _set(name: str, value: str) -> bytes:
    return command(f"SET {_name(name)} = {_quoted(name, value)}")


@lru_cache(maxsize=256)
def _reset(name: str) -> bytes:
    return command(f"RESET {_name(name)}")


def _name(name: str) -> str:
    """Quote each part. Only custom settings, which have a dot, may be set: never `role` or `search_path`."""
    parts = name.split(".")
    if len(parts) < 2 or not all(part.isascii() and part.isidentifier() for part in parts):
        raise ValueError(f"{name!r} is not the name of a custom setting: write it like app.user_id")
    return ".".join(f'"{part}"' for part in parts)


def _quoted(name: str, value: str) -> str:
    """Quote a value. standard_conforming_strings is on, so nothing but the quote itself is special."""
    if "\0" in value or not _is_text(value):
        raise Refusal(error="token-invalid", message=f"the claim for {name} is not text that PostgreSQL can hold")
    return "'" + value.replace("'", "''") + "'"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
