"""Which statements of a migration's text run."""

import pytest

from proxy.migrations.script import read_script
from proxy.migrations.statements import ScriptInvalid


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("BEGIN", "COMMIT"),
        ("begin work", "end"),
        ("START TRANSACTION", "COMMIT TRANSACTION"),
        ("BEGIN", "END WORK"),
        ("BEGIN /* all of it */", "COMMIT -- done\n"),
        ("BEGIN; BEGIN", "COMMIT"),
    ],
)
def test_a_files_own_transaction_is_left_out(begin: str, end: str) -> None:
    """The transaction around the file and its row does what they are for."""
    script = f"-- why\n{begin};\nCREATE TABLE a ();\n{end};\nSELECT 1;"
    assert [statement.text for statement in read_script(script).statements] == ["CREATE TABLE a ()", "SELECT 1"]


def test_savepoints_stay() -> None:
    """They live inside the transaction, and so does going back to one."""
    script = "SAVEPOINT s; SELECT 1; ROLLBACK TO s; ROLLBACK TO SAVEPOINT s; RELEASE s"
    assert len(read_script(script).statements) == 5


@pytest.mark.parametrize(
    "statement",
    [
        "ROLLBACK",
        "ABORT",
        "ROLLBACK WORK",
        "COMMIT AND CHAIN",
        "BEGIN; SELECT 1; COMMIT AND CHAIN",
        "END AND NO CHAIN",
        "COMMIT PREPARED 'x'",
        "PREPARE TRANSACTION 'x'",
        "BEGIN ISOLATION LEVEL SERIALIZABLE",
        "BEGIN READ ONLY",
        "START TRANSACTION READ ONLY",
    ],
)
def test_what_would_end_the_transaction_is_refused(statement: str) -> None:
    """A file is applied whole with its row: it cannot commit or roll back on the way."""
    with pytest.raises(ScriptInvalid) as caught:
        read_script(f"SELECT 1;\n{statement};")
    assert caught.value.line == 2
    assert "does not work inside a migration" in caught.value.message


def test_a_prepared_statement_is_no_transaction() -> None:
    """PREPARE names statements, too."""
    assert len(read_script("PREPARE p AS SELECT 1; EXECUTE p").statements) == 2


@pytest.mark.parametrize(
    "body",
    [
        "DO $$ BEGIN; COMMIT; END $$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
        "CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); END",
    ],
)
def test_a_body_is_no_transaction(body: str) -> None:
    """BEGIN and END in a function are its own."""
    assert [statement.text for statement in read_script(f"BEGIN; {body}; END;").statements] == [body]


def test_several_transactions_become_one() -> None:
    """The file is applied whole, whatever parts it has."""
    script = read_script("BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT; SELECT 3")
    assert [statement.text for statement in script.statements] == ["SELECT 1", "SELECT 2", "SELECT 3"]


@pytest.mark.parametrize(
    ("script", "line", "words"),
    [
        ("SELECT 1;\nBEGIN;\nSELECT 2;", 2, "BEGIN is never followed by COMMIT"),
        ("SELECT 1;\nCOMMIT;\nSELECT 2;", 2, "COMMIT has no BEGIN before it"),
        ("BEGIN;\nCOMMIT;\nEND;", 3, "END has no BEGIN before it"),
        ("BEGIN;\nSET LOCAL ROLE x;\nCOMMIT;\nSELECT 1;", 2, "SET LOCAL ROLE ends at the COMMIT below it"),
        ("BEGIN;\n\nSET CONSTRAINTS ALL DEFERRED;\nCOMMIT;\nBEGIN;\nSELECT 1;\nCOMMIT;", 3, "SET CONSTRAINTS ALL ends"),
    ],
)
def test_what_would_mean_something_else_in_one_transaction_is_refused(script: str, line: int, words: str) -> None:
    """A file that is cut off, or that counts on its own COMMIT, is not applied as something that it does not say."""
    with pytest.raises(ScriptInvalid, match=words) as caught:
        read_script(script)
    assert caught.value.line == line


def test_settings_of_the_files_only_transaction_may_be_local() -> None:
    """They end where the file ends."""
    assert len(read_script("BEGIN; SET LOCAL search_path = x; SELECT 1; COMMIT;").statements) == 2


@pytest.mark.parametrize("text", ["", "-- only words\n", "/* none */ ;;", "BEGIN;\nCOMMIT;"])
def test_a_file_without_a_statement_is_refused(text: str) -> None:
    """A number would be used up for nothing, and what is written into the file later would never run."""
    with pytest.raises(ScriptInvalid, match="no statement") as caught:
        read_script(text)
    assert caught.value.line == 1


def test_a_file_may_ask_for_no_transaction() -> None:
    """Its first lines say so, among other comments."""
    script = read_script(
        "-- Calls by day.\n\n/* see 4 */\n-- apply: no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a);"
    )
    assert not script.in_transaction
    assert read_script("SELECT 1; -- no-transaction").in_transaction


@pytest.mark.parametrize(
    ("script", "line", "words"),
    [
        ("SELECT 1;\n-- apply: no-transaction\nSELECT 2;", 2, "stands below a statement"),
        ("-- x\n-- apply: notransaction\nSELECT 2;", 2, "apply: notransaction is not known"),
        ("-- apply: no-transaction\nSELECT 1;\nBEGIN;\nCOMMIT;", 3, "BEGIN does not work in a file that runs outside"),
        ("-- apply: no-transaction\nSAVEPOINT s;", 2, "SAVEPOINT S does not work in a file that runs outside"),
        ("-- apply: no-transaction\nSET ROLE x;\nVACUUM;", 2, "SET ROLE X does not work in a file that runs outside"),
    ],
)
def test_what_does_not_go_with_no_transaction_is_refused(script: str, line: int, words: str) -> None:
    """A slip in the directive never makes a file run otherwise than it says."""
    with pytest.raises(ScriptInvalid, match=words) as caught:
        read_script(script)
    assert caught.value.line == line


@pytest.mark.parametrize(
    "statement",
    [
        "SET standard_conforming_strings = off",
        "set local standard_conforming_strings to 'off'",
        "SET client_encoding = 'LATIN1'",
        "SET SESSION client_encoding TO sql_ascii",
        "SET NAMES 'latin1'",
    ],
)
def test_what_makes_postgresql_read_the_file_otherwise_is_refused(statement: str) -> None:
    """The statements were cut, and are sent, as UTF-8 with standard strings."""
    with pytest.raises(ScriptInvalid, match="has to stay as it is") as caught:
        read_script(f"SELECT 1;\n{statement};")
    assert caught.value.line == 2


@pytest.mark.parametrize(
    "statement",
    ["SET standard_conforming_strings = on", "SET client_encoding = 'UTF8'", "SET NAMES 'utf8'", "SET names_x = 1"],
)
def test_what_says_so_anyway_is_allowed(statement: str) -> None:
    """pg_dump writes it at the top of every dump."""
    assert len(read_script(statement).statements) == 1
