"""FROM: tables, subqueries, functions, joins, and their aliases."""

from sqlglot import exp

from proxy.vetting.grammar.cursor import OPERATOR, WORD
from proxy.vetting.grammar.expressions import ExpressionGrammar
from proxy.vetting.keywords import COL_NAME, RESERVED
from proxy.vetting.rules.statement_size import DEEPEST_NESTING, too_deep
from proxy.vetting.tree import Call, FunctionSource, JoinChain, Node

_JOIN_WORDS = frozenset({"cross", "full", "inner", "join", "left", "natural", "right"})


class SourceGrammar(ExpressionGrammar):
    """What a query reads from."""

    def from_list(self) -> exp.From:
        """Read what follows FROM (or USING in a DELETE)."""
        return exp.From(expressions=self.commas(self._joined))

    def _joined(self) -> Node:
        first = self._source()
        joins = self._joins()
        return JoinChain(this=first, joins=joins) if joins else first

    def _joins(self) -> list[exp.Join]:
        joins = []
        while self.word_ahead(*_JOIN_WORDS):
            joins.append(self._join())
        return joins

    def _join(self) -> exp.Join:
        natural = self.take_word("natural") is not None
        kind = self.take_word("cross", "full", "inner", "left", "right")
        if kind in {"full", "left", "right"}:
            self.take_word("outer")
        self.expect_word("join")
        join = exp.Join(this=self._source(), kind=kind, natural=natural)
        if natural or kind == "cross":
            return join
        nested = self._nested_joins()
        if nested:
            # a JOIN b JOIN c ON … ON …: the conditions close the joins from the inside.
            join.set("this", JoinChain(this=join.this, joins=nested))
        if self.take_word("on"):
            join.set("on", self.scalar())
        elif self.take_word("using"):
            join.set("using", self._column_names())
            if self.word_ahead("as"):
                self.unavailable("an alias for USING")
        else:
            self.unexpected("ON or USING is expected")
        return join

    def _nested_joins(self) -> list[exp.Join]:
        self._open_joins += 1
        if self._open_joins > DEEPEST_NESTING:
            raise too_deep(self.place)
        nested = self._joins()
        self._open_joins -= 1
        return nested

    def _source(self) -> Node:
        place = self.place
        lateral = self.take_word("lateral") is not None
        if self.mark_ahead("("):
            return self._parenthesized_source(lateral=lateral, place=place)
        if self.words_ahead("rows", "from"):
            self.unavailable("ROWS FROM")
        if self.word_ahead("xmltable", "json_table") and self.opens_next():
            self.unavailable(self._curr.text.upper())
        only = not lateral and self.take_word("only") is not None
        if only and self.mark_ahead("("):
            return self._table(self.in_parentheses(lambda: self.dotted("a table")), place, only=True)
        is_word = self._curr.token_type is WORD
        parts = [self.identifier("a table", RESERVED)]
        while self.take_mark("."):
            parts.append(self.attribute())
        if self.mark_ahead("("):
            if only:
                self.unexpected("ONLY is for tables")
            if is_word and len(parts) == 1 and parts[0].name in COL_NAME:
                self.unavailable(f"{parts[0].name.upper()}(…) in FROM", place=place)
            return self._function_source(self.call(parts, place), place, lateral=lateral)
        if lateral:
            self.unexpected("a subquery or a function is expected after LATERAL")
        return self._table(parts, place, only=only)

    def _table(self, parts: list[exp.Identifier], place: int, *, only: bool) -> exp.Table:
        star = self._curr.token_type is OPERATOR and self._curr.text == "*"
        if star:
            self._advance()
        node = exp.Table(parts_=parts, only=only, star=star, alias=self._alias(), at=place)
        if self.word_ahead("tablesample"):
            self.unavailable("TABLESAMPLE")
        return node

    def _parenthesized_source(self, *, lateral: bool, place: int) -> Node:
        self.expect_mark("(")
        inner: Node
        if self.query_ahead():
            inner = exp.Subquery(this=self.query())
        else:
            inner = self._joined()
            if isinstance(inner, exp.Subquery):
                if inner.args.get("alias") is not None or inner.args.get("lateral"):
                    self.unexpected()
                inner = exp.Subquery(this=self.continue_query(inner))
        self.expect_mark(")")
        if isinstance(inner, exp.Subquery):
            inner.set("lateral", lateral)
            inner.set("alias", self._alias())
            inner.set("at", place)
            return inner
        if not isinstance(inner, JoinChain) or lateral:
            self.unexpected()
        if self._alias() is not None:
            self.unavailable("an alias for a join", "Name the sources inside it.", place)
        return exp.Paren(this=inner)

    def _function_source(self, call: Call, place: int, *, lateral: bool) -> FunctionSource:
        ordinality = False
        if self.words_ahead("with", "ordinality"):
            self._advance(2)
            ordinality = True
        node = FunctionSource(this=call, ordinality=ordinality, lateral=lateral, at=place)
        if self.word_ahead("as") and self.opens_next():
            self._advance()
            node.set("definitions", self._column_definitions())
            return node
        explicit = self.take_word("as") is not None
        if not (explicit or self._alias_ahead()):
            return node
        name = self.identifier("an alias")
        if self.mark_ahead("("):
            columns, definitions = self._alias_columns_or_definitions()
            node.set("definitions", definitions)
        else:
            columns = []
        node.set("alias", exp.TableAlias(this=name, columns=columns))
        return node

    def _alias_columns_or_definitions(self) -> tuple[list[exp.Identifier], list[Node]]:
        """Read `(a, b)` or `(a int, b text)` after a function's alias."""
        self.expect_mark("(")
        columns: list[exp.Identifier] = []
        definitions: list[Node] = []
        while True:
            name = self.identifier("a column")
            if self.mark_ahead(",") or self.mark_ahead(")"):
                columns.append(name)
            else:
                definitions.append(exp.ColumnDef(this=name, kind=self.type_name()))
            if not self.take_mark(","):
                break
        self.expect_mark(")")
        if columns and definitions:
            self.unexpected()
        return columns, definitions

    def _column_definitions(self) -> list[Node]:
        return self.in_parentheses(
            lambda: self.commas(lambda: exp.ColumnDef(this=self.identifier("a column"), kind=self.type_name()))
        )

    def _alias_ahead(self) -> bool:
        # A join's first word cannot be an alias in PostgreSQL's grammar either: it is of class type_func_name.
        return self.name_ahead() and not self.word_ahead(*_JOIN_WORDS, "set")

    def _alias(self) -> exp.TableAlias | None:
        if not self.take_word("as") and not self._alias_ahead():
            return None
        name = self.identifier("an alias")
        columns = self._column_names() if self.mark_ahead("(") else []
        return exp.TableAlias(this=name, columns=columns)

    def _column_names(self) -> list[exp.Identifier]:
        return self.in_parentheses(lambda: self.commas(lambda: self.identifier("a column")))
