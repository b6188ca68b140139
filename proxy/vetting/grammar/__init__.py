"""The narrowed dialect: PostgreSQL's grammar for what the gateway offers, on sqlglot's parser and nodes.

Stock sqlglot reads the union of thirty dialects and guesses; here each
construct is read one way, as PostgreSQL's `gram.y` reads it, without trying
twice. So the time to read is linear in the text, and what this grammar does
not know is denied.
"""

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres

from proxy.vetting.grammar.changes import StatementGrammar
from proxy.vetting.grammar.cursor import sqlglot_tokens
from proxy.vetting.lexer import Token


class NarrowedPostgres(Postgres):
    """PostgreSQL as sqlglot knows it, with the gateway's parser."""

    Parser = StatementGrammar


_DIALECT = NarrowedPostgres()


def parse(tokens: list[Token]) -> exp.Expression:
    """Read one statement. Raises `Denial`, and `RecursionError` where a text nests too deep for its guard."""
    return StatementGrammar(dialect=_DIALECT).statement(sqlglot_tokens(tokens))
