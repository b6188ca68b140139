"""Expressions, as PostgreSQL's `a_expr` and `c_expr` have them.

An expression is read flat: operands and operators in their order. Precedence
is PostgreSQL's to decide, and nothing that is judged depends on it.
"""

from collections.abc import Callable

from sqlglot import exp

from proxy.vetting.denial import Denial
from proxy.vetting.grammar.cursor import END, MARK, NAME, NUMBER, OPERATOR, PARAMETER, STRING, WORD
from proxy.vetting.grammar.types import TypeGrammar
from proxy.vetting.keywords import COL_NAME, NOT_FUNCTION_NAME, RESERVED, TYPE_FUNC_NAME
from proxy.vetting.tree import Call, Node, Operation, Quantified, Syntax, TypedLiteral, TypeName

# Operators of pg_catalog that an application writes. An operator that is not here could be anybody's function.
OPERATORS = frozenset(
    """
    = <> != < <= > >= + - * / % ^ || ~ ~* !~ !~* ~~ ~~* !~~ !~~* & | # << >> -> ->> #> #>> #- @> <@ ? ?| ?& @? @@ &&
    -|- &< &> <<= >>= ^@ ~>=~ ~<=~ ~>~ ~<~ <-> !!
    """.split()
)
PREFIX_OPERATORS = frozenset({"+", "-", "~", "@", "|/", "||/", "!!"})

# Bare words that are calls; the value says whether a precision may follow.
_NILADIC = {
    "current_date": False,
    "current_time": True,
    "current_timestamp": True,
    "localtime": True,
    "localtimestamp": True,
}
_SESSION_WORDS = frozenset(
    {"current_catalog", "current_role", "current_schema", "current_user", "session_user", "system_user", "user"}
)
_WORDS_ALONE = frozenset({"null", "true", "false"})
_MOST_SUFFIXES = 32


class ExpressionGrammar(TypeGrammar):
    """Expressions and all that stands inside them."""

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

    # --- operands and operators ---

    def scalar(self, *, until_in: bool = False) -> Node:
        """Read an expression; with `until_in`, stop at IN (as the first operand of POSITION does)."""
        items: list[Node] = []
        self._operand_into(items)
        while self._operator_into(items, until_in=until_in):
            pass
        return items[0] if len(items) == 1 else Operation(expressions=items)

    def _operand_into(self, items: list[Node]) -> None:
        while True:
            if self.take_word("not"):
                items.append(exp.Var(this="not"))
            elif self._curr.token_type is OPERATOR and self._curr.text in PREFIX_OPERATORS:
                items.append(exp.Var(this=self._curr.text))
                self._advance()
            else:
                break
        items.append(self._suffixed(self._primary()))

    def _operator_into(self, items: list[Node], *, until_in: bool) -> bool:
        token = self._curr
        if token.token_type is OPERATOR:
            self._binary_into(items)
            return True
        if token.token_type is not WORD:
            return False
        match token.text:
            case "and" | "or" | "overlaps" | "escape":
                self._advance()
                items.append(exp.Var(this=token.text))
                self._operand_into(items)
            case "not" if self._next.text in {"in", "like", "ilike", "similar", "between"}:
                self._advance()
                items.append(exp.Var(this="not"))
            case "in" if not until_in:
                self._advance()
                items += [exp.Var(this="in"), self._in_list()]
            case "like" | "ilike":
                self._advance()
                items.append(exp.Var(this=token.text))
                self._right_side_into(items)
            case "similar":
                self._advance()
                self.expect_word("to")
                items.append(exp.Var(this="similar to"))
                self._operand_into(items)
            case "between":
                self._advance()
                symmetry = self.take_word("symmetric", "asymmetric")
                items.append(exp.Var(this=f"between {symmetry}" if symmetry else "between"))
                self._operand_into(items)
            case "is":
                self._advance()
                self._is_into(items)
            case "isnull" | "notnull":
                self._advance()
                items.append(exp.Var(this=token.text))
            case "at" if self._next.text == "time":
                self._advance(2)
                self.expect_word("zone")
                items.append(exp.Var(this="at time zone"))
                self._operand_into(items)
            case "at" if self._next.text == "local":
                self.unavailable("AT LOCAL")
            case "collate":
                self._collate_into(items)
            case "operator":
                self.unavailable("OPERATOR()", "Write the operator itself.")
            case _:
                return False
        return True

    def _binary_into(self, items: list[Node]) -> None:
        token = self._curr
        if token.text == "=>":
            self.unexpected()
        if token.text not in OPERATORS:
            raise Denial("syntax-known", f"the operator {token.text[:20]} is not available", at=token.start)
        self._advance()
        items.append(exp.Var(this=token.text))
        self._right_side_into(items)

    def _right_side_into(self, items: list[Node]) -> None:
        if self.word_ahead("any", "some", "all") and self.opens_next():
            kind = self._curr.text
            self._advance()
            inner = self.in_parentheses(lambda: self.query() if self.query_ahead() else self.scalar())
            items.append(Quantified(kind=kind, this=inner))
        else:
            self._operand_into(items)

    def _in_list(self) -> Node:
        self.expect_mark("(")
        inner: Node
        if self.query_ahead():
            inner = exp.Subquery(this=self.query())
        else:
            inner = exp.Tuple(expressions=self.commas(self.scalar))
        self.expect_mark(")")
        return inner

    def _is_into(self, items: list[Node]) -> None:
        negated = "is not" if self.take_word("not") else "is"
        word = self.take_word("null", "true", "false", "unknown", "distinct", "normalized", "document", "json")
        match word:
            case "null" | "true" | "false" | "unknown":
                items.append(exp.Var(this=f"{negated} {word}"))
            case "distinct":
                self.expect_word("from")
                items.append(exp.Var(this=f"{negated} distinct from"))
                self._operand_into(items)
            case "normalized":
                items.append(exp.Var(this=f"{negated} normalized"))
            case None:
                self.unexpected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM is expected")
            case _:
                self.unavailable(f"IS {word.upper()}")

    def _collate_into(self, items: list[Node]) -> None:
        place = self.place
        self._advance()
        parts = self.dotted("a collation")
        names = [part.name for part in parts]
        if len(names) > 2 or (len(names) == 2 and names[0] != "pg_catalog"):
            self.unavailable("a collation outside pg_catalog", place=place)
        items += [exp.Var(this="collate"), exp.Column(collation=names[-1])]

    # --- suffixes ---

    def _suffixed(self, node: Node) -> Node:
        for _ in range(_MOST_SUFFIXES):
            if self.take_mark("::"):
                node = exp.Cast(this=node, to=self.type_name(), colons=True)
            elif self.mark_ahead("["):
                node = exp.Bracket(this=node, expressions=[self.subscript()])
            elif self.mark_ahead("."):
                self.unavailable(
                    "selecting a field of a composite value",
                    "Name the column as table.column; for a set-returning function, call it in FROM.",
                )
            else:
                return node
        return self.unavailable(f"more than {_MOST_SUFFIXES} casts and subscripts on one value")

    def subscript(self) -> Node:
        """Read `[i]` or `[i:j]`, either bound optional."""
        self.expect_mark("[")
        low = None if self.mark_ahead(":") else self.scalar()
        if not self.take_mark(":"):
            self.expect_mark("]")
            return low if low is not None else self.unexpected()
        high = None if self.mark_ahead("]") else self.scalar()
        self.expect_mark("]")
        return exp.Slice(this=low, expression=high)

    # --- operands ---

    def _primary(self) -> Node:
        token = self._curr
        kind = token.token_type
        if kind is STRING:
            self._advance()
            return exp.Literal(this=token.text, is_string=True)
        if kind is NUMBER:
            self._advance()
            return exp.Literal(this=token.text, is_string=False)
        if kind is PARAMETER:
            self._advance()
            return exp.Parameter(this=token.text)
        if kind is MARK and token.text == "(":
            return self._parenthesized()
        if kind is NAME:
            return self._named()
        if kind is WORD:
            return self._word()
        return self.unexpected()

    def _parenthesized(self) -> Node:
        self.expect_mark("(")
        node: Node
        if self.query_ahead():
            node = exp.Subquery(this=self.query())
        else:
            items = self.commas(self.scalar)
            if len(items) == 1 and isinstance(items[0], exp.Subquery) and self._query_goes_on():
                # ((SELECT …) UNION …): what looked like an operand was the first query of a set operation.
                node = exp.Subquery(this=self.continue_query(items[0]))
            else:
                node = self._grouped(items)
        self.expect_mark(")")
        return node

    def _grouped(self, items: list[Node]) -> Node:
        if len(items) > 1:
            return exp.Tuple(expressions=items)
        wrapper = exp.Subquery if isinstance(items[0], exp.Subquery) else exp.Paren
        return wrapper(this=items[0])

    def _query_goes_on(self) -> bool:
        return self.word_ahead("union", "intersect", "except", "order", "limit", "offset", "fetch", "for")

    def continue_query(self, first: Node) -> Node:
        """Read the rest of a query whose first part is read (the query grammar's)."""
        raise NotImplementedError

    def _word(self) -> Node:
        token = self._curr
        word = token.text
        special = self._special(word)
        if special is not None:
            return special()
        if word in _SESSION_WORDS:
            raise Denial("function-granted", f"{word.upper()} is not available through the gateway", at=token.start)
        if self._next.token_type is STRING and word not in RESERVED:
            return self._typed_literal()
        if word in RESERVED or (word in TYPE_FUNC_NAME and not self.opens_next() and self._next.text != "."):
            return self.unexpected()
        if word in COL_NAME and self.opens_next():
            self.unavailable(f"{word.upper()}(…)")
        return self._named()

    def _special(self, word: str) -> Callable[[], Node] | None:
        """Return the reader of a word that the grammar itself knows, if it is used as such here."""
        if word in _NILADIC:
            return self._niladic
        if word in _WORDS_ALONE:
            return self._constant
        if word == "case":
            return self._case
        if word == "array":
            return self._array
        if word in {"time", "timestamp", "interval"} and (
            self._next.token_type is STRING or self.opens_next() or self._next.text in {"with", "without"}
        ):
            return self._typed_literal
        if word == "double" and self._next.text == "precision":
            return self._typed_literal
        if word in {"char", "character"} and self._next.text == "varying":
            return self._typed_literal
        if not self.opens_next():
            return None
        return {
            "exists": self._exists,
            "row": self._row,
            "cast": self._cast,
            "coalesce": self._plain_syntax,
            "greatest": self._plain_syntax,
            "least": self._plain_syntax,
            "nullif": self._plain_syntax,
            "grouping": self._plain_syntax,
            "extract": self._extract,
            "position": self._position,
            "substring": self._substring,
            "overlay": self._overlay,
            "trim": self._trim,
            "normalize": self._normalize,
        }.get(word)

    def _constant(self) -> Node:
        word = self._curr.text
        self._advance()
        return exp.Null() if word == "null" else exp.Boolean(this=word == "true")

    def _niladic(self) -> Node:
        token = self._curr
        self._advance()
        parts = None
        if _NILADIC[token.text] and self.mark_ahead("("):
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

    # --- names and calls ---

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
        if self.not_reserved_ahead() and self._next.text in {"=>", ":="}:
            name = self.attribute()
            self._advance()
            return exp.Kwarg(this=name, expression=self.scalar())
        return self.scalar()

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
        if self.word_ahead("respect", "ignore") and self._next.text == "nulls":
            self.unavailable(f"{self._curr.text.upper()} NULLS")
        if self.word_ahead("over") and (self.opens_next() or self._next.token_type in (WORD, NAME)):
            self._advance()
            if self.mark_ahead("("):
                node.set("over", self.in_parentheses(self.window_specification))
            else:
                node.set("over", self.identifier("a window"))

    def end_of_statement(self) -> None:
        """Take the end of the text or deny."""
        if self._curr.token_type is not END:
            self.unexpected()
