"""What is written in front of a statement."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.database import prelude
from proxy.errors import Refusal


def commands(messages: bytes) -> list[str]:
    """Read back the SQL of each Parse message."""
    found = []
    while messages:
        length = int.from_bytes(messages[1:5], "big")
        if messages[:1] == b"P":
            found.append(messages[6 : 1 + length].split(b"\0")[0].decode())
        messages = messages[1 + length :]
    return found


def test_only_what_differs_is_set() -> None:
    """Equal settings cost nothing; one that is not wanted any more is reset."""
    had = {"app.user": "1", "app.org": "a"}
    assert prelude.change_settings(had, dict(had)) == b""
    assert commands(prelude.change_settings(had, {"app.user": "2", "app.org": "a"})) == ['SET "app"."user" = \'2\'']
    assert commands(prelude.change_settings(had, {"app.user": "1"})) == ['RESET "app"."org"']


def test_what_is_not_known_is_set_again() -> None:
    """A setting that other code may have changed is set, or reset, whatever it is to be."""
    had = {"app.user": None, "app.org": None}
    assert commands(prelude.change_settings(had, {"app.user": "1"})) == [
        'SET "app"."user" = \'1\'',
        'RESET "app"."org"',
    ]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_value_stays_one_literal(value: str) -> None:
    """Whatever a claim holds, it is inside the quotes."""
    [command] = commands(prelude.change_settings({}, {"app.user": value}))
    literal = command.removeprefix('SET "app"."user" = ')
    assert literal[0] == literal[-1] == "'"
    assert literal[1:-1].replace("''", "").count("'") == 0
    assert literal[1:-1].replace("''", "'") == value


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_a_value_that_is_not_text_is_refused(value: str) -> None:
    """The claim's setting is named, its value is not."""
    with pytest.raises(Refusal) as refused:
        prelude.change_settings({}, {"app.user": value})
    assert refused.value.error == "token-invalid"
    assert refused.value.message == "the claim for app.user is not text that PostgreSQL can hold"


@pytest.mark.parametrize("name", ["role", "search_path", "app.", ".x", 'a."b', "a.b; --", "a.b c", "", "é.x", "1.a"])
def test_only_custom_settings_can_be_named(name: str) -> None:
    """A name without a dot, or one that is no identifier, never reaches PostgreSQL."""
    with pytest.raises(ValueError, match="custom setting"):
        prelude.change_settings({}, {name: "x"})


def test_begin_is_parse_bind_and_execute_without_a_sync() -> None:
    """The statement behind it brings the only Sync."""
    assert commands(prelude.BEGIN) == ["BEGIN"]
    assert prelude.BEGIN == b"P\0\0\0\x0d\0BEGIN\0\0\0" + b"B\0\0\0\x0c\0\0\0\0\0\0\0\0" + b"E\0\0\0\x09\0\0\0\0\0"
