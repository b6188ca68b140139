"""sqlglot's token cursor with the few moves that the grammar is written in."""

from collections.abc import Callable
from typing import NoReturn, TypeVar

from sqlglot import exp
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.tokenizer_core import Token as SqlglotToken
from sqlglot.tokenizer_core import TokenType

from proxy.vetting.denial import Denial
from proxy.vetting.keywords import NOT_COLUMN_NAME, RESERVED
from proxy.vetting.lexer import Kind, Token

_TYPES: dict[Kind, TokenType] = {
    "word": TokenType.VAR,
    "name": TokenType.IDENTIFIER,
    "string": TokenType.STRING,
    "number": TokenType.NUMBER,
    "parameter": TokenType.PARAMETER,
    "operator": TokenType.CARET_AT,
    "mark": TokenType.COLON,
    "end": TokenType.BREAK,
}
WORD, NAME = TokenType.VAR, TokenType.IDENTIFIER
STRING, NUMBER, PARAMETER = TokenType.STRING, TokenType.NUMBER, TokenType.PARAMETER
OPERATOR, MARK, END = TokenType.CARET_AT, TokenType.COLON, TokenType.BREAK

_NEAR = {END: "the end of the statement", STRING: "a string"}
_T = TypeVar("_T")


def sqlglot_tokens(tokens: list[Token]) -> list[SqlglotToken]:
    """Hand PostgreSQL's tokens to sqlglot's parser: a class per kind, the text as it is."""
    return [SqlglotToken(_TYPES[token.kind], token.text, 1, 1, token.start, token.end) for token in tokens]


class Cursor(PostgresParser):
    """A place in the tokens. Methods either take what they are named after, or deny."""

    def open(self, tokens: list[SqlglotToken]) -> None:
        """Stand before the first token."""
        self.reset()
        self._tokens = tokens
        self._tokens_size = len(tokens)
        self._index = -1
        self._open_joins = 0
        self._advance()

    @property
    def place(self) -> int:
        """The offset of the current token in the caller's text."""
        return self._curr.start

    def word_ahead(self, *words: str) -> bool:
        """Say whether the current token is one of these words."""
        return self._curr.token_type is WORD and self._curr.text in words

    def words_ahead(self, first: str, second: str) -> bool:
        """Say whether the next two tokens are these words."""
        return self.word_ahead(first) and self.next_word(second)

    def next_word(self, *words: str) -> bool:
        """Say whether the token after the current one is one of these words."""
        return self._next.token_type is WORD and self._next.text in words

    def next_mark(self, *marks: str) -> bool:
        """Say whether the token after the current one is one of these marks."""
        return self._next.token_type is MARK and self._next.text in marks

    def mark_ahead(self, mark: str) -> bool:
        """Say whether the current token is this mark."""
        return self._curr.token_type is MARK and self._curr.text == mark

    def opens_next(self) -> bool:
        """Say whether the token after the current one is an opening parenthesis."""
        return self.next_mark("(")

    def take_word(self, *words: str) -> str | None:
        """Take one of these words if it comes."""
        if self.word_ahead(*words):
            text: str = self._curr.text
            self._advance()
            return text
        return None

    def take_words(self, first: str, second: str) -> bool:
        """Take these two words if both come."""
        if self.words_ahead(first, second):
            self._advance(2)
            return True
        return False

    def take_mark(self, mark: str) -> bool:
        """Take this mark if it comes."""
        if self.mark_ahead(mark):
            self._advance()
            return True
        return False

    def expect_word(self, word: str) -> None:
        """Take this word or deny."""
        if not self.take_word(word):
            self.unexpected(f"{word.upper()} is expected")

    def expect_mark(self, mark: str) -> None:
        """Take this mark or deny."""
        if not self.take_mark(mark):
            self.unexpected(f'"{mark}" is expected')

    def unexpected(self, expected: str | None = None) -> NoReturn:
        """Deny at the current token."""
        # A string may be somebody's data: it is not repeated.
        near = _NEAR.get(self._curr.token_type) or f'"{self._curr.text[:40]}"'
        message = f"the statement cannot be read at {near}"
        raise Denial("syntax-known", f"{message}: {expected}" if expected else message, at=self.place, syntax=True)

    def unavailable(self, construct: str, hint: str | None = None, place: int | None = None) -> NoReturn:
        """Deny a construct that PostgreSQL has and the gateway does not offer."""
        raise Denial(
            "syntax-known",
            f"{construct} is not available through the gateway",
            hint=hint,
            at=self.place if place is None else place,
        )

    def commas(self, one: Callable[[], _T]) -> list[_T]:
        """Read one or more, parted by commas."""
        found = [one()]
        while self.take_mark(","):
            found.append(one())
        return found

    def in_parentheses(self, one: Callable[[], _T]) -> _T:
        """Read what stands between parentheses."""
        self.expect_mark("(")
        found = one()
        self.expect_mark(")")
        return found

    def identifier(self, what: str = "a name", refused: frozenset[str] = NOT_COLUMN_NAME) -> exp.Identifier:
        """Read a name: quoted, or a word that is none of `refused`."""
        token = self._curr
        if token.token_type is NAME or (token.token_type is WORD and token.text not in refused):
            self._advance()
            return exp.Identifier(this=token.text, quoted=True, at=token.start)
        return self.unexpected(f"{what} is expected")

    def label(self) -> exp.Identifier:
        """Read what may follow AS in a select list: any word at all."""
        return self.identifier("a label", frozenset())

    def attribute(self) -> exp.Identifier:
        """Read what may follow a dot."""
        return self.identifier("a name", frozenset())

    def dotted(self, what: str) -> list[exp.Identifier]:
        """Read a name with the schemas before it."""
        parts = [self.identifier(what)]
        while self.take_mark("."):
            parts.append(self.attribute())
        return parts

    def name_ahead(self) -> bool:
        """Say whether the current token could name a column or a table."""
        token = self._curr
        return token.token_type is NAME or (token.token_type is WORD and token.text not in NOT_COLUMN_NAME)

    def not_reserved_ahead(self) -> bool:
        """Say whether the current token is a name or a word that is not reserved."""
        token = self._curr
        return token.token_type is NAME or (token.token_type is WORD and token.text not in RESERVED)
