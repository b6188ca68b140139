"""Tokens are PostgreSQL's, or there is a denial."""

import pytest
from lexer_cases import TOKENS

from proxy.vetting.denial import Denial
from proxy.vetting.lexer import tokenize

DENIED = [
    ("'a", "syntax-known"),
    ("'a''", "syntax-known"),
    ("E'a\\'", "syntax-known"),
    ('"a', "syntax-known"),
    ('""', "syntax-known"),
    ("$$a", "syntax-known"),
    ("$a$ $A$", "syntax-known"),
    ("/* a", "syntax-known"),
    ("1a", "syntax-known"),
    ("1_000", "syntax-known"),
    ("0x1F", "syntax-known"),
    ("1e", "syntax-known"),
    ("1.5a", "syntax-known"),
    ("$1a", "syntax-known"),
    ("$1$2", "syntax-known"),
    ("$0", "syntax-known"),
    ("$65536", "syntax-known"),
    ("$99999999999999999999", "syntax-known"),
    ("$", "syntax-known"),
    ("\\", "syntax-known"),
    ("{", "syntax-known"),
    ("\v", "syntax-known"),
    ("\x1f", "syntax-known"),
    (r"E'\u12'", "syntax-known"),
    (r"E'\U0001F60'", "syntax-known"),
    (r"E'\0'", "text-plain"),
    (r"E'\xff'", "text-plain"),
    (r"E'\377'", "text-plain"),
    (r"E'\ud83d\ude00'", "text-plain"),
    (r"E'\U00110000'", "text-plain"),
    ("U&'a'", "text-plain"),
    ('u&"a"', "text-plain"),
    ("B'1'", "text-plain"),
    ("x'1F'", "text-plain"),
    ("N'a'", "text-plain"),
    ("/* /* */", "text-plain"),
    ("/*/* */ */", "text-plain"),
    ("höhe", "text-plain"),
    ("a\u00a0b", "text-plain"),
    ("\u2028", "text-plain"),
    ("\ufeffselect", "text-plain"),
    ("$é$a$é$", "syntax-known"),
    ("1é", "syntax-known"),
    ("a" * 64, "names-resolved"),
    ('"' + "é" * 32 + '"', "names-resolved"),
]


@pytest.mark.parametrize(("text", "expected"), TOKENS)
def test_tokens_are_postgresqls(text: str, expected: list[str]) -> None:
    """Each text is cut as PostgreSQL's scanner cuts it."""
    *tokens, end = tokenize(text)
    assert [f"{token.kind}:{token.text}" for token in tokens] == expected
    assert (end.kind, end.start) == ("end", len(text))


@pytest.mark.parametrize(("text", "rule"), DENIED)
def test_what_could_mislead_is_denied(text: str, rule: str) -> None:
    """Where versions or readers differ, or nothing closes, there is a denial with its place."""
    with pytest.raises(Denial) as denied:
        tokenize(text)
    assert denied.value.rule == rule
    assert 0 <= (denied.value.at or 0) <= len(text)


@pytest.mark.parametrize("text", [case[0] for case in TOKENS])
def test_a_tokens_place_is_its_text(text: str) -> None:
    """`start` and `end` enclose what was read, in order, without overlap."""
    before = 0
    for token in tokenize(text):
        assert before <= token.start <= token.end <= len(text)
        before = token.end
        if token.kind == "word":
            assert text[token.start : token.end].lower() == token.text


def test_a_name_of_63_bytes_is_whole() -> None:
    """PostgreSQL keeps 63 bytes of a name."""
    assert tokenize("a" * 63)[0].text == "a" * 63
