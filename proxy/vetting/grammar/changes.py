"""INSERT, UPDATE and DELETE, and the statement as a whole."""

import re

from sqlglot import exp
from sqlglot.tokenizer_core import Token as SqlglotToken

from proxy.vetting.grammar.cursor import OPERATOR
from proxy.vetting.grammar.queries import QueryGrammar
from proxy.vetting.tree import Assignment, Call, Default, Node, Syntax, Target

_FARTHEST_SUBSCRIPT = 10_000
# What strtol() would read a number from.
_NUMBER = re.compile(r"[+-]?[0-9]")


class StatementGrammar(QueryGrammar):
    """One whole statement."""

    def statement(self, tokens: list[SqlglotToken]) -> Node:
        """Read all the tokens as one statement."""
        self.open(tokens)
        self._default_allowed = 0
        with_ = self.with_clause()
        node = self.change()
        if node is None:
            node = self.query()
        if with_ is not None:
            if node.args.get("with_") is not None:
                self.unexpected()
            node.set("with_", with_)
        self.end_of_statement()
        return node

    def change(self) -> Node | None:
        """Read an INSERT, UPDATE or DELETE if one comes."""
        if self.word_ahead("insert", "update", "delete"):
            word = self._curr.text
            self._advance()
            return {"insert": self._insert, "update": self._update, "delete": self._delete}[word]()
        if self.word_ahead("merge"):
            self.unavailable("MERGE", "Use INSERT … ON CONFLICT, or UPDATE and INSERT apart.")
        return None

    def _changed_table(self) -> exp.Table:
        place = self.place
        only = self.take_word("only") is not None
        parts = self.dotted("a table")
        return self._table(parts, place, only=only)

    # --- INSERT ---

    def _insert(self) -> Node:
        self.expect_word("into")
        place = self.place
        table = exp.Table(parts_=self.dotted("a table"), at=place)
        if self.take_word("as"):
            table.set("alias", exp.TableAlias(this=self.identifier("an alias"), columns=[]))
        node = exp.Insert(this=table)
        if self.mark_ahead("(") and not self._query_in_parentheses():
            node.set("columns", self.in_parentheses(lambda: self.commas(self._target)))
        if self.take_word("overriding"):
            kind = self.take_word("system", "user")
            if kind is None:
                self.unexpected("SYSTEM or USER is expected")
            self.expect_word("value")
            node.set("overriding", kind)
        if not self.take_words("default", "values"):
            node.set("source", self._insert_source())
        if self.take_words("on", "conflict"):
            node.set("conflict", self._conflict())
        if self.take_word("returning"):
            node.set("returning", self.projections())
        return node

    def _query_in_parentheses(self) -> bool:
        return self.next_word("select", "with") or self.next_mark("(")

    def _insert_source(self) -> Node:
        if self.word_ahead("values"):
            self._default_allowed += 1
            try:
                return self.query()
            finally:
                self._default_allowed -= 1
        return self.query()

    def value(self) -> Node:
        """Read a value; DEFAULT is one only in the VALUES of an INSERT and in SET."""
        if self._default_allowed and self.take_word("default"):
            return Default()
        return self.scalar()

    def _conflict(self) -> exp.OnConflict:
        node = exp.OnConflict(at=self.place)
        if self.take_words("on", "constraint"):
            node.set("constraint", self.identifier("a constraint"))
        elif self.mark_ahead("("):
            node.set("keys", self.in_parentheses(lambda: self.commas(self._conflict_key)))
            if self.take_word("where"):
                node.set("keys_where", self.scalar())
        self.expect_word("do")
        if self.take_word("nothing"):
            return node
        self.expect_word("update")
        self.expect_word("set")
        node.set("expressions", self.commas(self._assignment))
        if self.take_word("where"):
            node.set("where", self.scalar())
        return node

    def _conflict_key(self) -> Node:
        key = self._primary()
        plain = isinstance(key, exp.Column) and len(key.args["parts_"]) == 1 and not key.args.get("star")
        if not plain and not isinstance(key, exp.Paren | exp.Subquery | Call | Syntax):
            self.unexpected("a column, a function or an expression in parentheses is expected")
        if self.word_ahead("collate"):
            self.unavailable("COLLATE in ON CONFLICT")
        return key

    def _target(self) -> Target:
        place = self.place
        name = self.identifier("a column")
        subscripts = []
        while self.mark_ahead("["):
            subscripts.append(self._near_subscript())
        if self.mark_ahead("."):
            self.unavailable("writing a field of a composite column")
        return Target(this=name, subscripts=subscripts, at=place)

    def _near_subscript(self) -> Node:
        """Read a subscript that is written: PostgreSQL fills an array up to it, however far it is."""
        place = self.place
        subscript = self.subscript()
        ends = [subscript.this, subscript.expression] if isinstance(subscript, exp.Slice) else [subscript]
        if not all(end is None or _is_near(end) for end in ends):
            self.unavailable(
                f"writing to a subscript that is not a plain key or a number up to {_FARTHEST_SUBSCRIPT}",
                "Write the subscript out, or set the whole value.",
                place,
            )
        return subscript

    # --- UPDATE, DELETE ---

    def _update(self) -> Node:
        node = exp.Update(this=self._changed_table())
        self.expect_word("set")
        node.set("expressions", self.commas(self._assignment))
        if self.take_word("from"):
            node.set("from_", self.from_list())
        self._where_and_returning(node)
        return node

    def _assignment(self) -> Assignment:
        several = self.mark_ahead("(")
        targets = self.in_parentheses(lambda: self.commas(self._target)) if several else [self._target()]
        if not (self._curr.text == "=" and self._curr.token_type is OPERATOR):
            self.unexpected('"=" is expected')
        self._advance()
        self._default_allowed += 1
        try:
            value = self._several_values() if several else self.value()
        finally:
            self._default_allowed -= 1
        return Assignment(targets=targets, this=value, several=several)

    def _several_values(self) -> Node:
        row = self.take_word("row") is not None
        self.expect_mark("(")
        if not row and self.query_ahead():
            inner: Node = exp.Subquery(this=self.query())
        else:
            inner = exp.Tuple(expressions=self.commas(self.value), row=row)
        self.expect_mark(")")
        return inner

    def _delete(self) -> Node:
        self.expect_word("from")
        node = exp.Delete(this=self._changed_table())
        if self.take_word("using"):
            node.set("using", self.from_list())
        self._where_and_returning(node)
        return node

    def _where_and_returning(self, node: Node) -> None:
        if self.take_word("where"):
            node.set("where", exp.Where(this=self.condition()))
        if self.take_word("returning"):
            node.set("returning", self.projections())


def _is_near(subscript: Node) -> bool:
    """Say whether a subscript is a key or a small number; a key of digits is a number to a jsonb array."""
    if not isinstance(subscript, exp.Literal):
        return False
    text = str(subscript.this).strip()
    if text.isdecimal() and text.isascii():
        return len(text) <= 5 and int(text) <= _FARTHEST_SUBSCRIPT
    return bool(subscript.args["is_string"]) and not _NUMBER.match(text)
