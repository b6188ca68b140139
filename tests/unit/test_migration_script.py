"""Which statements of a migration's text run."""

import pytest

from proxy.migrations.script import read_script
from proxy.migrations.statements import ScriptInvalid


@pytest.mark.parametrize(
    ("begin", "end"),
    [("BEGIN", "COMMIT"), ("begin work", "end"), ("START TRANSACTION", "COMMIT TRANSACTION"), ("BEGIN", "END WORK")],
)
def test_a_files_own_transaction_is_left_out(begin: str, end: str) -> None:
    """The transaction around the file and its row does what they are for."""
    script = f"-- why\n{begin};\nCREATE TABLE a ();\n{end};\nSELECT 1;"
    assert [statement.text for statement in read_script(script)] == ["CREATE TABLE a ()", "SELECT 1"]


def test_savepoints_stay() -> None:
    """They live inside the transaction, and so does going back to one."""
    script = "SAVEPOINT s; SELECT 1; ROLLBACK TO s; ROLLBACK TO SAVEPOINT s; RELEASE s"
    assert len(read_script(script)) == 5


@pytest.mark.parametrize(
    "statement",
    [
        "ROLLBACK",
        "ABORT",
        "ROLLBACK WORK",
        "COMMIT AND CHAIN",
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
    assert len(read_script("PREPARE p AS SELECT 1; EXECUTE p")) == 2
