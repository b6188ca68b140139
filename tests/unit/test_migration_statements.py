"""Cutting scripts into statements."""

import pytest

from proxy.migrations.statements import ScriptInvalid, split


def texts(script: str) -> list[str]:
    """Return the statements' texts alone."""
    return [statement.text for statement in split(script)]


@pytest.mark.parametrize(
    "one",
    [
        "SELECT ';'",
        "SELECT 'it''s; so'",
        r"SELECT 'a\'",
        r"SELECT E'a\';b'",
        r"SELECT e'\\'",
        "SELECT E'a'\n  '\\';b'",
        "SELECT E'a' -- and on\n '\\';b'",
        'SELECT 1 AS "a;""b;"',
        "SELECT 1 /* ; /* ; */ ; */ + 1",
        "SELECT 1 -- ; not yet\n + 1",
        "DO $$ BEGIN; $a$ ; $a$ END $$",
        "DO $body$ SELECT $$;$$; $body$",
        "SELECT $1, a$b$c FROM t",
        "SELECT $é$;$é$",
        "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)",
        "CREATE FUNCTION f(a int) RETURNS int BEGIN ATOMIC SELECT $1; SELECT 2; END",
        "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
        "CREATE FUNCTION \"begin\"() RETURNS int LANGUAGE sql AS 'SELECT 1; SELECT 2'",
        "SELECT U&'\\0041;'",
        "SELECT '😀;'",
    ],
)
def test_a_semicolon_inside_does_not_cut(one: str) -> None:
    """What PostgreSQL reads as one statement stays one, also between others."""
    assert texts(one) == [one]
    assert texts(f"SELECT 0;{one};\nSELECT 2") == ["SELECT 0", one, "SELECT 2"]


def test_empty_statements_and_comments_are_none() -> None:
    """Nothing runs where nothing is written."""
    assert split(" ;; -- a\n /* b */ ; ") == ()


def test_lines_are_those_of_the_first_word() -> None:
    """A comment before a statement does not move its line."""
    script = "-- about\n/* two\nlines */\nSELECT 1;\n\n  SELECT\n 2; SELECT 3"
    assert [(found.line, found.text) for found in split(script)] == [
        (4, "SELECT 1"),
        (6, "SELECT\n 2"),
        (7, "SELECT 3"),
    ]


def test_words_tell_the_kind() -> None:
    """Quoted names, strings and what stands in parentheses are no words."""
    [statement] = split("alter table only \"x\" add constraint c check (a in ('b', d)) not valid")
    assert statement.words == ("ALTER", "TABLE", "ONLY", "ADD", "CONSTRAINT", "C", "CHECK", "NOT", "VALID")


@pytest.mark.parametrize(
    ("script", "line", "words"),
    [
        ("SELECT 1;\nSELECT 'a", 2, "the string never ends"),
        ('SELECT 1;\n\nSELECT "a', 3, "the quoted name never ends"),
        ("SELECT 1 /* /* */", 1, "the comment never ends"),
        ("DO $x$ BEGIN $y$;", 1, r"the text that $x$ opens never ends"),
        ("SELECT 1;\n\\i other.sql\n", 2, r"\i is a command of psql"),
        ("SELECT 1 \\gset", 1, r"\gset is a command of psql"),
        ("COPY t (a, b) FROM STDIN;\n1\tit's\n\\.\n", 1, "COPY … FROM STDIN"),
    ],
)
def test_what_cannot_be_cut_is_told_with_its_line(script: str, line: int, words: str) -> None:
    """Commands of psql and open quotes stop the reading where they begin."""
    with pytest.raises(ScriptInvalid) as caught:
        split(script)
    assert caught.value.line == line
    assert words in caught.value.message
    assert caught.value.hint
