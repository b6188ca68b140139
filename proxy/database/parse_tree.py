"""The tree of PostgreSQL's analysis, as the text it is shown as: what in it asks for a right.

What this module promises: whatever of a tree it does not understand is told,
never passed over. Every kind of node is on a list, and what was taken out is
counted against the nodes that are there. Names cannot be mistaken for the
tree's own words: `outToken` (outfuncs.c) puts a backslash before each space
and brace in them.

The tree of a long statement has a megabyte. Cut at its braces it falls into
heads, a node's fields up to the first node in it, and only those of a few
kinds are looked into: to search all of the text for each kind took three times
as long. A `TreeReader` is given it in slices, between which others may have
their turn.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

# Some 0.2 ms of work each.
SLICE: Final = 64 * 1024
# Of the statement itself: PREPARE and DEALLOCATE are utility commands (`CMD_UTILITY` in nodes.h), and shown, too.
_ANALYSED: Final = re.compile(r"\{QUERY\s:commandType\s[1-5]\s")
_NODE_NAME: Final = re.compile("[A-Z][A-Z_]*")
# All that the grammar of vetting can lead to.
_KNOWN_NODES: Final = frozenset(
    """
    AGGREF ALIAS ARRAYCOERCEEXPR ARRAYEXPR BOOLEANTEST BOOLEXPR CASEEXPR CASETESTEXPR CASEWHEN COALESCEEXPR
    COERCETODOMAIN COERCEVIAIO COLLATEEXPR COMMONTABLEEXPR CONST CONVERTROWTYPEEXPR DISTINCTEXPR FROMEXPR FUNCEXPR
    GROUPINGFUNC GROUPINGSET INFERENCEELEM JOINEXPR MINMAXEXPR NAMEDARGEXPR NULLIFEXPR NULLTEST ONCONFLICTEXPR OPEXPR
    PARAM QUERY RANGETBLENTRY RANGETBLFUNCTION RANGETBLREF RELABELTYPE ROWCOMPAREEXPR ROWEXPR ROWMARKCLAUSE
    RTEPERMISSIONINFO SCALARARRAYOPEXPR SETOPERATIONSTMT SETTODEFAULT SORTGROUPCLAUSE SQLVALUEFUNCTION SUBLINK
    SUBSCRIPTINGREF TARGETENTRY VAR WINDOWCLAUSE WINDOWFUNC
    """.split()
)
_RELATION: Final = ":rtekind 0 :relid "
_RELATIONS: Final = re.compile(rf"{_RELATION}(\d+)")
# Of a relation itself in PostgreSQL 15, of its RTEPERMISSIONINFO from 16 on.
_PERMISSIONS: Final = re.compile(
    r":relid (\d+)\b[^{}]*?:requiredPerms (\d+) :checkAsUser \d+ "
    r":selectedCols (\(b[^)]*\)|<>) :insertedCols (\(b[^)]*\)|<>) :updatedCols (\(b[^)]*\)|<>)"
)
# What a relation says of itself stands behind its aliases, and so in the last one's head.
_RELATION_NODES: Final = ("RANGETBLENTRY", "ALIAS", "RTEPERMISSIONINFO")
_CALL_NODES: Final = ("FUNCEXPR",)
_CALL: Final = re.compile(r"FUNCEXPR :funcid (\d+) [^{}]*?:funcformat (\d)")
_AGGREGATE_NODES: Final = ("AGGREF", "WINDOWFUNC")
_AGGREGATE: Final = re.compile(r"(?:AGGREF :aggfnoid|WINDOWFUNC :winfnoid) (\d+)")
_OPERATOR_NODES: Final = ("DISTINCTEXPR", "NULLIFEXPR", "OPEXPR", "ROWCOMPAREEXPR", "SCALARARRAYOPEXPR")
# Of one operator, and of a comparison of rows.
_OPERATOR: Final = re.compile(r"[A-Z]+ (?::opno (\d+)|:\w+ \d+ :opnos \(o ([\d ]+)\))")
_WORD_NODES: Final = ("SQLVALUEFUNCTION",)
# `CURRENT_USER` and its kin. What comes before `SVFOP_CURRENT_ROLE` (primnodes.h) tells the time.
_WORD: Final = re.compile(r"SQLVALUEFUNCTION :op (\d+)")
_FIRST_OF_SESSION: Final = 9
# The columns that are written and those that there are, of unnest in FROM: of an array, a multirange, a tsvector.
_UNNEST: Final = ":rtekind 3 :functions ({RANGETBLFUNCTION :funcexpr {FUNCEXPR :funcid "
_NAME: Final = r"(?:\\.|[^\s\\(){}])++"
_NAMES: Final = r"(\((?:\\.|[^\\(){}])*+\))"
_UNNESTED: Final = re.compile(
    rf":alias \{{ALIAS :aliasname {_NAME} :colnames {_NAMES}\}} :eref \{{ALIAS :aliasname {_NAME} :colnames {_NAMES}\}}"
    rf" {re.escape(_UNNEST)}(?:1293|2331|3322) "
)
# `CoercionForm` in primnodes.h: a call written as one, and SQL's own syntax for one.
_EXPLICIT: Final = frozenset({"0", "3"})
# Where a slice may begin: before any node but those that an unnest is told by, which are looked at together.
_CUT: Final = re.compile(r"\{(?<!\\\{)(?!ALIAS\b|RANGETBLFUNCTION\b|FUNCEXPR\b)")


class Permissions(NamedTuple):
    """What a statement asks of one relation: bits of `AclMode`, and sets of columns as the tree writes them."""

    relation: int
    required: int
    selected: str
    inserted: str
    updated: str


@dataclass(frozen=True, slots=True)
class ParseTree:
    """What a statement's tree says, by OID; `unknown` has, in words, each part that was not understood."""

    permissions: tuple[Permissions, ...]
    calls: frozenset[int]
    casts: frozenset[int]
    operators: frozenset[int]
    unknown: frozenset[str]


def is_of_statement(tree: str) -> bool:
    """Say whether a tree is that of a query or a change, not of the command around it."""
    return _ANALYSED.match(tree) is not None


def parse_tree(text: str) -> ParseTree:
    """Take out of a tree, as PostgreSQL shows it, what asks for rights."""
    reader = TreeReader()
    for part in slices(text):
        reader.add(part)
    return reader.tree()


def slices(text: str) -> Iterator[str]:
    """Cut a tree up for `TreeReader.add`."""
    start = 0
    while start < len(text):
        cut = _CUT.search(text, start + SLICE)
        end = len(text) if cut is None else cut.start()
        # PostgreSQL ends a line at a space, to show it.
        yield text[start:end].replace("\n", " ")
        start = end


class TreeReader:
    """Takes out of a tree what asks for rights: `add` each slice in turn, then ask for the `tree`."""

    def __init__(self) -> None:
        self._nodes: Final[Counter[str]] = Counter()
        self._relations: Final[list[str]] = []
        self._relations_shown = 0
        self._permissions: Final[list[Permissions]] = []
        self._calls: Final[list[tuple[str, ...]]] = []
        self._aggregates: Final[list[tuple[str, ...]]] = []
        self._operators: Final[list[tuple[str, ...]]] = []
        self._words: Final[list[tuple[str, ...]]] = []
        self._narrow_unnest = False

    def add(self, text: str) -> None:
        """Read one slice."""
        heads = _heads(text)
        self._nodes.update({name: len(of_name) for name, of_name in heads.items()})
        for name in _RELATION_NODES:
            for head in heads.get(name, ()):
                self._relations.extend(_RELATIONS.findall(head))
                for relation, required, *columns in _PERMISSIONS.findall(head):
                    self._permissions.append(Permissions(int(relation), int(required), *columns))
        self._relations_shown += text.count(_RELATION)
        self._calls.extend(_matches(_CALL, heads, _CALL_NODES))
        self._aggregates.extend(_matches(_AGGREGATE, heads, _AGGREGATE_NODES))
        self._operators.extend(_matches(_OPERATOR, heads, _OPERATOR_NODES))
        self._words.extend(_matches(_WORD, heads, _WORD_NODES))
        if _UNNEST in text and any(_width(written) < _width(there) for written, there in _UNNESTED.findall(text)):
            self._narrow_unnest = True

    def tree(self) -> ParseTree:
        """Return what was in all slices."""
        return ParseTree(
            tuple(self._permissions),
            calls=_oids(oid for oid, form in self._calls if form in _EXPLICIT)
            | _oids(oid for (oid,) in self._aggregates),
            casts=_oids(oid for oid, form in self._calls if form not in _EXPLICIT),
            operators=_oids(oid for one, several in self._operators for oid in (one or several).split()),
            unknown=frozenset(self._unknown()),
        )

    def _unknown(self) -> Iterator[str]:
        for name in self._nodes.keys() - _KNOWN_NODES:
            yield f"a {name}" if _NODE_NAME.fullmatch(name) else "a node without a name"
        yield from ("a word for the session" for (op,) in self._words if int(op) >= _FIRST_OF_SESSION)
        for what, there, read in (
            ("relations", self._relations_shown, len(self._relations)),
            ("permissions", self._nodes["RTEPERMISSIONINFO"] or self._relations_shown, len(self._permissions)),
            ("calls", self._count(_CALL_NODES), len(self._calls)),
            ("aggregates", self._count(_AGGREGATE_NODES), len(self._aggregates)),
            ("operators", self._count(_OPERATOR_NODES), len(self._operators)),
            ("words", self._count(_WORD_NODES), len(self._words)),
        ):
            if there != read:
                yield f"{there} {what}, {read} of them read"
        if not _oids(self._relations) <= {each.relation for each in self._permissions}:
            yield "a relation that asks for nothing"
        if self._narrow_unnest:
            # An array of rows: what was taken for the row, or for its value, would be its first field.
            yield "an unnest of more columns than are named"

    def _count(self, names: tuple[str, ...]) -> int:
        return sum(self._nodes[name] for name in names)


def _heads(text: str) -> dict[str, list[str]]:
    """Cut a slice at its braces: the heads of its nodes by the nodes' names."""
    heads: dict[str, list[str]] = {}
    # A brace in a name begins nothing.
    for head in text.replace(r"\{", r"\(").split("{")[1:]:
        heads.setdefault(head.partition(" ")[0], []).append(head)
    return heads


def _matches(pattern: re.Pattern[str], heads: dict[str, list[str]], names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    for name in names:
        for head in heads.get(name, ()):
            found = pattern.match(head)
            if found is not None:
                yield found.groups("")


def _width(names: str) -> int:
    """Count quoted names; a space in one has a backslash before it."""
    return names.count('" "') + 1


def _oids(texts: Iterable[str]) -> frozenset[int]:
    return frozenset(int(text) for text in texts)
