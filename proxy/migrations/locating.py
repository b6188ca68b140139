"""Where in a file an error belongs: the line of the word, the row or the line of a DO block that it is about. Pure."""

import re
from typing import Final

from proxy.errors import StatementFailed
from proxy.migrations.statements import ScriptStatement

# PostgreSQL's context, in whatever language: "COPY calls, line 3, column id", "… inline_code_block line 4 at RAISE".
_ROW: Final = re.compile(r"^COPY [^\n]*?, \D+ (\d+)", re.MULTILINE)
_BODY: Final = re.compile(r"inline_code_block\D+(\d+)")
_QUOTE: Final = re.compile(r"\$\w*\$|'")


def locate(statement: ScriptStatement, failure: StatementFailed) -> int:
    """Return the line of the file that a failure of a statement is about; its first one where nothing says more."""
    if failure.position:
        return statement.line + statement.text.count("\n", 0, failure.position - 1)
    context = failure.detail or ""
    row = _ROW.findall(context)
    if statement.data is not None and row:
        return statement.data_line + int(row[-1]) - 1
    body, quote = _BODY.findall(context), _QUOTE.search(statement.text)
    if statement.words[:1] == ("DO",) and body and quote:
        # The last one is the outermost: the block itself, and not one that it runs.
        return statement.line + statement.text.count("\n", 0, quote.start()) + int(body[-1]) - 1
    return statement.line
