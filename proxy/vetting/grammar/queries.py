"""Queries: SELECT, VALUES and TABLE, set operations, FROM, WITH and the clauses around them."""

from sqlglot import exp

from proxy.vetting.grammar.cursor import NAME, OPERATOR, WORD
from proxy.vetting.grammar.sources import SourceGrammar
from proxy.vetting.keywords import AS_LABEL, RESERVED
from proxy.vetting.tree import Combined, Node, Operation

_LOCK_STRENGTHS = {"update": "update", "share": "share", "no": "no key update", "key": "key share"}


class QueryGrammar(SourceGrammar):
    """Queries, from WITH to FOR UPDATE."""

    def change(self) -> Node | None:
        """Read an INSERT, UPDATE or DELETE if one comes (the change grammar's)."""
        raise NotImplementedError

    def query(self) -> Node:
        """Read a query: its WITH, its parts and the clauses that go for the whole."""
        with_ = self.with_clause()
        query = self.continue_query(self._query_part())
        if with_ is not None:
            if query.args.get("with_") is not None:
                self.unexpected()
            query.set("with_", with_)
        return query

    def continue_query(self, first: Node) -> Node:
        """Read set operations and closing clauses after a query's first part."""
        parts, operators = [first], []
        while operator := self.take_word("union", "intersect", "except"):
            quantity = self.take_word("all", "distinct")
            operators.append(f"{operator} {quantity}" if quantity else operator)
            parts.append(self._query_part())
        query: Node = Combined(expressions=parts, operators=operators) if operators else first
        if isinstance(query, exp.Subquery) and self._closing_clause_ahead():
            # (SELECT …) ORDER BY …: the clauses are not the inner query's.
            query = Combined(expressions=[query], operators=[])
        self._closing_clauses(query)
        return query

    def _query_part(self) -> Node:
        if self.mark_ahead("("):
            return exp.Subquery(this=self.in_parentheses(self.query))
        if self.take_word("select"):
            return self._select()
        if self.take_word("values"):
            return exp.Values(expressions=self.commas(self._values_row))
        if self.take_word("table"):
            place = self.place
            only = self.take_word("only") is not None
            table = exp.Table(parts_=self.dotted("a table"), only=only, at=place)
            return exp.Select(expressions=[exp.Star(at=place)], from_=exp.From(expressions=[table]))
        return self.unexpected("a query is expected")

    def _values_row(self) -> Node:
        return exp.Tuple(expressions=self.in_parentheses(lambda: self.commas(self.value)))

    def value(self) -> Node:
        """Read a value of VALUES or SET: an expression, where INSERT and UPDATE also take DEFAULT."""
        return self.scalar()

    # --- WITH ---

    def with_clause(self) -> exp.With | None:
        """Read WITH and its common table expressions if it comes."""
        if not self.take_word("with"):
            return None
        recursive = self.take_word("recursive") is not None
        return exp.With(expressions=self.commas(self._common_table), recursive=recursive)

    def _common_table(self) -> exp.CTE:
        name = self.identifier("a name for the common table expression")
        columns = self._column_names() if self.mark_ahead("(") else []
        self.expect_word("as")
        materialized = None
        if self.take_words("not", "materialized"):
            materialized = "not materialized"
        elif self.take_word("materialized"):
            materialized = "materialized"
        body = self.in_parentheses(lambda: self.change() or self.query())
        if self.word_ahead("search", "cycle"):
            self.unavailable(self._curr.text.upper())
        return exp.CTE(this=body, alias=name, columns=columns, materialized=materialized, at=name.args["at"])

    # --- SELECT ---

    def _select(self) -> exp.Select:
        node = exp.Select()
        if self.take_word("distinct"):
            on = self.in_parentheses(lambda: self.commas(self.scalar)) if self.take_word("on") else None
            node.set("distinct", exp.Distinct(expressions=on))
        else:
            self.take_word("all")
        node.set("expressions", [] if self._select_list_ends() else self.projections())
        if self.word_ahead("into"):
            self.unavailable("SELECT INTO", "Read the rows and INSERT them into a granted table.")
        if self.take_word("from"):
            node.set("from_", self.from_list())
        if self.take_word("where"):
            node.set("where", exp.Where(this=self.condition()))
        if self.take_words("group", "by"):
            node.set("group", self._group())
        if self.take_word("having"):
            node.set("having", exp.Having(this=self.scalar()))
        if self.take_word("window"):
            node.set("windows", self.commas(self._named_window))
        return node

    def condition(self) -> Node:
        """Read what follows WHERE."""
        if self.words_ahead("current", "of"):
            self.unavailable("WHERE CURRENT OF")
        return self.scalar()

    def _select_list_ends(self) -> bool:
        return self.word_ahead("from", "where", "union", "intersect", "except") or self.mark_ahead(")")

    def projections(self) -> list[Node]:
        """Read a select list or a RETURNING list."""
        return self.commas(self._projection)

    def _projection(self) -> Node:
        if self._curr.token_type is OPERATOR and self._curr.text == "*":
            place = self.place
            self._advance()
            return exp.Star(at=place)
        place = self.place
        inner = self.scalar()
        if self.take_word("as"):
            return exp.Alias(this=inner, alias=self.label(), at=place)
        bare = self._curr.token_type is WORD and self._curr.text not in AS_LABEL | (RESERVED - _BARE_RESERVED)
        if self._curr.token_type is NAME or bare:
            return exp.Alias(this=inner, alias=self.label(), at=place)
        return inner

    def _group(self) -> exp.Group:
        quantity = self.take_word("all", "distinct")
        return exp.Group(expressions=self.commas(self._grouping), quantity=quantity)

    def _grouping(self) -> Node:
        if self.word_ahead("rollup", "cube") and self.opens_next():
            word = self._curr.text
            self._advance()
            items = self.in_parentheses(lambda: self.commas(self.scalar))
            return exp.Rollup(expressions=items) if word == "rollup" else exp.Cube(expressions=items)
        if self.words_ahead("grouping", "sets"):
            self._advance(2)
            return exp.GroupingSets(expressions=self.in_parentheses(lambda: self.commas(self._grouping)))
        if self.mark_ahead("(") and self.next_mark(")"):
            self._advance(2)
            return exp.Tuple(expressions=[])
        return self.scalar()

    # --- clauses at the end ---

    def _closing_clause_ahead(self) -> bool:
        return self.word_ahead("order", "limit", "offset", "fetch", "for")

    def _closing_clauses(self, query: Node) -> None:
        if self.take_word("order"):
            query.set("order", self.order_by())
        # Locks may stand before LIMIT or after it, not in both places; `args` keeps the caller's order.
        locks = self._locks()
        if locks:
            query.set("locks", locks)
        while self.word_ahead("limit", "offset", "fetch"):
            word = self._curr.text
            if query.args.get(word) is not None or (word != "offset" and query.args.get("limit") is not None):
                self.unexpected()
            self._advance()
            if word == "limit":
                everything = self.take_word("all") is not None
                query.set("limit", exp.Limit(expression=None if everything else self.scalar()))
                if self.mark_ahead(","):
                    self.unexpected("OFFSET is expected: LIMIT takes one number")
            elif word == "offset":
                query.set("offset", self._offset())
            else:
                query.set("fetch", self._fetch())
        if not locks:
            query.set("locks", self._locks())

    def _locks(self) -> list[exp.Lock]:
        locks = []
        while self.take_word("for"):
            locks.append(self._lock())
        return locks

    def _offset(self) -> exp.Offset:
        node = self.scalar()
        # Before ROWS, PostgreSQL's grammar takes a plain value.
        if not isinstance(node, Operation | exp.Cast):
            self.take_word("row", "rows")
        return exp.Offset(expression=node)

    def _fetch(self) -> exp.Fetch:
        if not self.take_word("first", "next"):
            self.unexpected("FIRST or NEXT is expected")
        count = None if self.word_ahead("row", "rows") else self._primary()
        if not self.take_word("row", "rows"):
            self.unexpected("ROWS is expected")
        if self.take_word("with"):
            self.expect_word("ties")
            return exp.Fetch(count=count, ties=True)
        self.expect_word("only")
        return exp.Fetch(count=count, ties=False)

    def _lock(self) -> exp.Lock:
        place = self.place
        word = self.take_word(*_LOCK_STRENGTHS)
        if word is None:
            self.unexpected("UPDATE or SHARE is expected")
        for rest in {"no": ("key", "update"), "key": ("share",)}.get(word, ()):
            self.expect_word(rest)
        of = self.commas(lambda: self.identifier("a table")) if self.take_word("of") else []
        wait = None
        if self.take_word("nowait"):
            wait = "nowait"
        elif self.take_words("skip", "locked"):
            wait = "skip locked"
        return exp.Lock(strength=_LOCK_STRENGTHS[word], expressions=of, wait=wait, at=place)

    def order_by(self) -> exp.Order:
        """Read BY and its items."""
        self.expect_word("by")
        return exp.Order(expressions=self.commas(self._ordered))

    def _ordered(self) -> exp.Ordered:
        inner = self.scalar()
        direction = self.take_word("asc", "desc")
        if direction is None and self.word_ahead("using"):
            self.unavailable("ORDER BY … USING")
        nulls = None
        if self.take_word("nulls"):
            nulls = self.take_word("first", "last")
            if nulls is None:
                self.unexpected("FIRST or LAST is expected")
        return exp.Ordered(this=inner, direction=direction, nulls=nulls)

    # --- windows ---

    def _named_window(self) -> exp.Window:
        name = self.identifier("a window")
        self.expect_word("as")
        return exp.Window(alias=name, this=self.in_parentheses(self.window_specification))

    def window_specification(self) -> Node:
        """Read the inside of a window: another window's name, PARTITION BY, ORDER BY, a frame."""
        node = exp.WindowSpec()
        if self.name_ahead() and not self.word_ahead("partition", "range", "rows", "groups"):
            node.set("base", self.identifier("a window"))
        if self.take_words("partition", "by"):
            node.set("partition", self.commas(self.scalar))
        if self.take_word("order"):
            node.set("order", self.order_by())
        kind = self.take_word("range", "rows", "groups")
        if kind:
            node.set("kind", kind)
            node.set("bounds", self._frame_bounds())
            node.set("exclude", self._frame_exclusion())
        return node

    def _frame_bounds(self) -> list[Node]:
        if not self.take_word("between"):
            return self._frame_bound()
        first = self._frame_bound()
        self.expect_word("and")
        return [*first, exp.Var(this="and"), *self._frame_bound()]

    def _frame_bound(self) -> list[Node]:
        if self.take_words("current", "row"):
            return [exp.Var(this="current row")]
        place: list[Node] = [exp.Var(this="unbounded")] if self.take_word("unbounded") else [self.scalar()]
        side = self.take_word("preceding", "following")
        if side is None:
            self.unexpected("PRECEDING or FOLLOWING is expected")
        return [*place, exp.Var(this=side)]

    def _frame_exclusion(self) -> str | None:
        if not self.take_word("exclude"):
            return None
        if self.take_words("current", "row"):
            return "current row"
        if self.take_words("no", "others"):
            return "no others"
        word = self.take_word("group", "ties")
        return word or self.unexpected("CURRENT ROW, GROUP, TIES or NO OTHERS is expected")


# Reserved words that PostgreSQL takes as a label without AS; no clause can begin with them.
_BARE_RESERVED = RESERVED - frozenset(
    """
    and array as collate create except fetch for from grant group having in intersect into is limit not offset on or
    order returning to union where window with
    """.split()
)
