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
        "SELECT 1 AS a\u00a0b",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN CASE WHEN true THEN 1 END",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 /* ; END */ ; SELECT ';END'; END",
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
        ("SELECT 1;\n\\restrict", 2, r"\restrict is a command of psql"),
        ("SELECT 1 \\restrict abc", 1, r"\restrict is a command of psql"),
        ("SELECT 1;\n\\connect other", 2, r"\connect is a command of psql"),
        ("SELECT 1;\nCOPY t FROM STDIN;\n1\n2\n", 2, "the rows of COPY … FROM STDIN never end"),
        ("COPY t FROM STDIN", 1, "the rows of COPY … FROM STDIN never end"),
        ("\nCOPY t FROM STDIN; SELECT 1;\n1\n\\.\n", 2, "followed by more on its line"),
    ],
)
def test_what_cannot_be_cut_is_told_with_its_line(script: str, line: int, words: str) -> None:
    """Commands of psql and open quotes stop the reading where they begin."""
    with pytest.raises(ScriptInvalid) as caught:
        split(script)
    assert caught.value.line == line
    assert words in caught.value.message
    assert caught.value.hint


def test_rows_belong_to_their_copy() -> None:
    """They are no SQL, whatever quotes and semicolons are in them."""
    script = "SELECT 1;\nCOPY public.t (a, b) FROM stdin; -- two\n1\tit's; \n2\t\\N\n\\.\n\nSELECT 3;"
    first, copy, last = split(script)
    assert (copy.text, copy.line) == ("COPY public.t (a, b) FROM stdin", 2)
    assert (copy.data, copy.data_line) == ("1\tit's; \n2\t\\N\n", 3)
    assert (first.data, last.text, last.line) == (None, "SELECT 3", 7)


def test_a_copy_may_have_no_rows() -> None:
    """pg_dump writes such ones for empty tables."""
    [copy] = split("COPY t (a) FROM stdin;\n\\.\n")
    assert copy.data == ""


def test_copy_between_server_and_file_has_none() -> None:
    """A superuser's COPY reads a file of the server's."""
    assert texts("COPY t FROM '/x'; COPY (SELECT 1) TO '/y'; SELECT 1") == [
        "COPY t FROM '/x'",
        "COPY (SELECT 1) TO '/y'",
        "SELECT 1",
    ]


def test_the_guards_of_pg_dump_are_passed_over() -> None:
    """They keep psql from running commands that a dump might smuggle in; here no command of psql runs at all."""
    assert texts("\\restrict a1B2\n\nSELECT 1;\n\n\\unrestrict a1B2\n") == ["SELECT 1"]


def test_a_bare_statement_is_words_alone() -> None:
    """Comments in it do not count, names in quotes do."""
    found = split('COMMIT -- so\n /* it */ WORK; COMMIT AND CHAIN; RELEASE "x"; SELECT 1')
    assert [statement.bare for statement in found] == [True, True, False, False]
