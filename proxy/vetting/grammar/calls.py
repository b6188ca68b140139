"""Names, and the calls that names begin."""

from sqlglot import exp

from proxy.vetting.grammar.cursor import NAME, OPERATOR, STRING, WORD
from proxy.vetting.grammar.values import ValueGrammar
from proxy.vetting.keywords import NOT_FUNCTION_NAME, RESERVED
from proxy.vetting.tree import Call, Node


class CallGrammar(ValueGrammar):
    """Column references and function calls."""

    def _named(self) -> Node:
        place = self.place
        first_is_word = self._curr.token_type is WORD
        parts = [self.identifier("a name", RESERVED)]
        while self.take_mark("."):
            if self._curr.token_type is OPERATOR and self._curr.text == "*":
                self._advance()
                return exp.Column(parts_=parts, star=True, at=place)
            parts.append(self.attribute())
        if self._curr.token_type is STRING:
            return self._literal_of(self.named_type(parts, place))
        if not self.mark_ahead("("):
            return exp.Column(parts_=parts, at=place)
        if len(parts) == 1 and first_is_word and parts[0].name in NOT_FUNCTION_NAME:
            self.unexpected()
        return self.call(parts, place)

    def call(self, parts: list[exp.Identifier], place: int) -> Call:
        """Read a call whose name is read."""
        names = [part.name for part in parts]
        if len(names) > 2:
            self.unavailable("a function of another database", place=place)
        node = Call(schema=names[0] if len(names) == 2 else None, this=names[-1], at=place)
        self.expect_mark("(")
        self._arguments(node)
        self.expect_mark(")")
        self._call_clauses(node)
        return node

    def _arguments(self, node: Call) -> None:
        if self.mark_ahead(")"):
            return
        if self._curr.token_type is OPERATOR and self._curr.text == "*":
            self._advance()
            node.set("star", True)
            return
        quantity = self.take_word("distinct", "all")
        if quantity == "distinct":
            node.set("distinct", True)
        node.set("expressions", self.commas(self._argument))
        if self.take_word("order"):
            node.set("order", self.order_by())

    def _argument(self) -> Node:
        if self.take_word("variadic"):
            return exp.Variadic(this=self.scalar())
        if self.not_reserved_ahead() and self._names_argument():
            name = self.attribute()
            self._advance()
            return exp.Kwarg(this=name, expression=self.scalar())
        return self.scalar()

    def _names_argument(self) -> bool:
        return self.next_mark(":=") or (self._next.token_type is OPERATOR and self._next.text == "=>")

    def _call_clauses(self, node: Call) -> None:
        if self.words_ahead("within", "group"):
            self._advance(2)
            self.expect_mark("(")
            self.expect_word("order")
            node.set("within", self.order_by())
            self.expect_mark(")")
        if self.word_ahead("filter") and self.opens_next():
            self._advance()
            self.expect_mark("(")
            self.expect_word("where")
            node.set("filter", self.scalar())
            self.expect_mark(")")
        if self.word_ahead("respect", "ignore") and self.next_word("nulls"):
            self.unavailable(f"{self._curr.text.upper()} NULLS")
        if self.word_ahead("over") and (self.opens_next() or self._next.token_type in (WORD, NAME)):
            self._advance()
            if self.mark_ahead("("):
                node.set("over", self.in_parentheses(self.window_specification))
            else:
                node.set("over", self.identifier("a window"))
