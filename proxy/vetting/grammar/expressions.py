"""Expressions, as PostgreSQL's `a_expr` and `c_expr` have them.

An expression is read flat: operands and operators in their order. Precedence
is PostgreSQL's to decide, and nothing that is judged depends on it.
"""

from collections.abc import Callable

from sqlglot import exp

from proxy.vetting.denial import Denial
from proxy.vetting.grammar.calls import CallGrammar
from proxy.vetting.grammar.cursor import END, MARK, NAME, NUMBER, OPERATOR, PARAMETER, STRING, WORD
from proxy.vetting.grammar.values import NILADIC
from proxy.vetting.keywords import COL_NAME, RESERVED, TYPE_FUNC_NAME
from proxy.vetting.tree import Node, Operation, Quantified

# Operators of pg_catalog that an application writes. An operator that is not here could be anybody's function.
OPERATORS = frozenset(
    """
    = <> != < <= > >= + - * / % ^ || ~ ~* !~ !~* ~~ ~~* !~~ !~~* & | # << >> -> ->> #> #>> #- @> <@ ? ?| ?& @? @@ &&
    -|- &< &> <<= >>= ^@ ~>=~ ~<=~ ~>~ ~<~ <-> !!
    """.split()
)
PREFIX_OPERATORS = frozenset({"+", "-", "~", "@", "|/", "||/", "!!"})

_SESSION_WORDS = frozenset(
    {"current_catalog", "current_role", "current_schema", "current_user", "session_user", "system_user", "user"}
)
_WORDS_ALONE = frozenset({"null", "true", "false"})
_MOST_SUFFIXES = 32


class ExpressionGrammar(CallGrammar):
    """Expressions and all that stands inside them."""

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
            case "not" if self.next_word("in", "like", "ilike", "similar", "between"):
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
            case "at" if self.next_word("time"):
                self._advance(2)
                self.expect_word("zone")
                items.append(exp.Var(this="at time zone"))
                self._operand_into(items)
            case "at" if self.next_word("local"):
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
        if word in RESERVED or (word in TYPE_FUNC_NAME and not self.opens_next() and not self.next_mark(".")):
            return self.unexpected()
        if word in COL_NAME and self.opens_next():
            self.unavailable(f"{word.upper()}(…)")
        return self._named()

    def _special(self, word: str) -> Callable[[], Node] | None:
        """Return the reader of a word that the grammar itself knows, if it is used as such here."""
        if word in NILADIC:
            return self._niladic
        if word in _WORDS_ALONE:
            return self._constant
        if word == "case":
            return self._case
        if word == "array":
            return self._array
        if word in {"time", "timestamp", "interval"} and (
            self._next.token_type is STRING or self.opens_next() or self.next_word("with", "without")
        ):
            return self._typed_literal
        if word == "double" and self.next_word("precision"):
            return self._typed_literal
        if word in {"char", "character"} and self.next_word("varying"):
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

    def end_of_statement(self) -> None:
        """Take the end of the text or deny."""
        if self._curr.token_type is not END:
            self.unexpected()
