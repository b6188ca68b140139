"""Values with a grammar of their own: constants, CASE, ARRAY, ROW, CAST, and functions such as EXTRACT."""

from collections.abc import Callable

from sqlglot import exp

from proxy.vetting.grammar.cursor import NAME, STRING, WORD
from proxy.vetting.grammar.types import TypeGrammar
from proxy.vetting.tree import Node, Syntax, TypedLiteral, TypeName

NILADIC = {
    "current_date": False,
    "current_time": True,
    "current_timestamp": True,
    "localtime": True,
    "localtimestamp": True,
}


class ValueGrammar(TypeGrammar):
    """Values whose first word tells what they are."""

    def scalar(self, *, until_in: bool = False) -> Node:
        """Read an expression (the expression grammar's)."""
        raise NotImplementedError

    def query(self) -> Node:
        """Read a query without its parentheses (the query grammar's)."""
        raise NotImplementedError

    def order_by(self) -> exp.Order:
        """Read what follows ORDER (the query grammar's)."""
        raise NotImplementedError

    def window_specification(self) -> Node:
        """Read what stands in the parentheses of OVER (the query grammar's)."""
        raise NotImplementedError

    def query_ahead(self) -> bool:
        """Say whether a query begins at the current token."""
        return self.word_ahead("select", "with", "values", "table")

    def _constant(self) -> Node:
        word = self._curr.text
        self._advance()
        return exp.Null() if word == "null" else exp.Boolean(this=word == "true")

    def _niladic(self) -> Node:
        token = self._curr
        self._advance()
        parts = None
        if NILADIC[token.text] and self.mark_ahead("("):
            parts = [exp.Literal(this=self.in_parentheses(self._modifier), is_string=False)]
        return Syntax(this=token.text, parts=parts, at=token.start)

    def _typed_literal(self) -> Node:
        return self._literal_of(self.type_name())

    def _literal_of(self, type_name: TypeName) -> Node:
        token = self._curr
        if token.token_type is not STRING:
            self.unexpected("a string is expected after a type")
        self._advance()
        if type_name.args["this"] == "interval":
            type_name.set("suffix", self.interval_fields())
        return TypedLiteral(kind=type_name, this=exp.Literal(this=token.text, is_string=True))

    def _case(self) -> Node:
        self.expect_word("case")
        operand = None if self.word_ahead("when") else self.scalar()
        branches = []
        while self.take_word("when"):
            condition = self.scalar()
            self.expect_word("then")
            branches.append(exp.If(this=condition, true=self.scalar()))
        if not branches:
            self.unexpected("WHEN is expected")
        default = self.scalar() if self.take_word("else") else None
        self.expect_word("end")
        return exp.Case(this=operand, ifs=branches, default=default)

    def _array(self) -> Node:
        self.expect_word("array")
        if self.mark_ahead("("):
            return exp.Array(query=self.in_parentheses(self.query))
        return self._array_literal()

    def _array_literal(self) -> Node:
        self.expect_mark("[")
        items: list[Node] = []
        if not self.mark_ahead("]"):
            nested = self.mark_ahead("[")
            items = self.commas(self._array_literal if nested else self.scalar)
        self.expect_mark("]")
        return exp.Array(expressions=items)

    def _exists(self) -> Node:
        self.expect_word("exists")
        return exp.Exists(this=self.in_parentheses(self.query))

    def _row(self) -> Node:
        self.expect_word("row")
        self.expect_mark("(")
        items = [] if self.mark_ahead(")") else self.commas(self.scalar)
        self.expect_mark(")")
        return exp.Tuple(expressions=items, row=True)

    def _cast(self) -> Node:
        self.expect_word("cast")
        self.expect_mark("(")
        inner = self.scalar()
        self.expect_word("as")
        node = exp.Cast(this=inner, to=self.type_name())
        self.expect_mark(")")
        return node

    # --- functions with a grammar of their own ---

    def _plain_syntax(self) -> Node:
        token = self._curr
        self._advance()
        return Syntax(this=token.text, parts=self.in_parentheses(self._comma_parts), at=token.start)

    def _comma_parts(self) -> list[Node]:
        parts: list[Node] = [self.scalar()]
        while self.take_mark(","):
            parts += [exp.Var(this=","), self.scalar()]
        return parts

    def _with_keywords(self, calls: str, read: Callable[[], list[Node]]) -> Node:
        token = self._curr
        self._advance()
        return Syntax(this=token.text, parts=self.in_parentheses(read), calls=calls, at=token.start)

    def _keyword_then_expression(self, parts: list[Node], *words: str) -> None:
        for word in words:
            if self.take_word(word):
                parts += [exp.Var(this=word), self.scalar()]

    def _extract(self) -> Node:
        def read() -> list[Node]:
            token = self._curr
            if token.token_type not in (WORD, NAME, STRING):
                self.unexpected("a field such as YEAR is expected")
            self._advance()
            # The field is EXTRACT's own, never a column.
            field = (
                exp.Literal(this=token.text, is_string=True)
                if token.token_type is STRING
                else exp.Identifier(this=token.text, quoted=True)
            )
            self.expect_word("from")
            return [field, exp.Var(this="from"), self.scalar()]

        return self._with_keywords("extract", read)

    def _position(self) -> Node:
        def read() -> list[Node]:
            needle = self.scalar(until_in=True)
            self.expect_word("in")
            return [needle, exp.Var(this="in"), self.scalar(until_in=True)]

        return self._with_keywords("position", read)

    def _substring(self) -> Node:
        def read() -> list[Node]:
            parts = self._comma_parts()
            if self.word_ahead("similar"):
                self.unavailable("SUBSTRING(… SIMILAR …)")
            self._keyword_then_expression(parts, "from", "for", "from")
            return parts

        return self._with_keywords("substring", read)

    def _overlay(self) -> Node:
        def read() -> list[Node]:
            parts = self._comma_parts()
            self._keyword_then_expression(parts, "placing", "from", "for")
            return parts

        return self._with_keywords("overlay", read)

    def _trim(self) -> Node:
        place = self.place
        self._advance()
        self.expect_mark("(")
        side = self.take_word("both", "leading", "trailing")
        parts: list[Node] = [exp.Var(this=side)] if side else []
        if not self.word_ahead("from"):
            parts += self._comma_parts()
        if self.take_word("from"):
            parts += [exp.Var(this="from"), *self._comma_parts()]
        self.expect_mark(")")
        calls = {"leading": "ltrim", "trailing": "rtrim"}.get(side or "both", "btrim")
        return Syntax(this="trim", parts=parts, calls=calls, at=place)

    def _normalize(self) -> Node:
        def read() -> list[Node]:
            parts = [self.scalar()]
            if self.take_mark(","):
                form = self.take_word("nfc", "nfd", "nfkc", "nfkd")
                if form is None:
                    self.unexpected("NFC, NFD, NFKC or NFKD is expected")
                parts += [exp.Var(this=","), exp.Var(this=form)]
            return parts

        return self._with_keywords("normalize", read)
