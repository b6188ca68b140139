"""The tree of PostgreSQL's analysis, as the text it is shown as: what in it asks for a right.

What this module promises: whatever of a tree it does not understand is told,
never passed over. Every kind of node is on a list, and what was taken out is
counted against the nodes that are there. Names cannot be mistaken for the
tree's own words: `outToken` (outfuncs.c) puts a backslash before each space
and brace in them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

# Of the statement itself: PREPARE and DEALLOCATE are utility commands (`CMD_UTILITY` in nodes.h), and shown, too.
_ANALYSED: Final = re.compile(r"\{QUERY :commandType [1-5] ")
_NODE: Final = re.compile(r"(?<!\\)\{([A-Z][A-Z_]*)(?= )")
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
_RELATIONS: Final = re.compile(r":rtekind 0 :relid (\d+)")
# Of a relation itself in PostgreSQL 15, of its RTEPERMISSIONINFO from 16 on.
_PERMISSIONS: Final = re.compile(
    r":relid (\d+)\b[^{}]*?:requiredPerms (\d+) :checkAsUser \d+ "
    r":selectedCols (\(b[^)]*\)|<>) :insertedCols (\(b[^)]*\)|<>) :updatedCols (\(b[^)]*\)|<>)"
)
_CALLS: Final = re.compile(r"\{FUNCEXPR :funcid (\d+) [^{}]*?:funcformat (\d)")
_AGGREGATES: Final = re.compile(r"\{(?:AGGREF :aggfnoid|WINDOWFUNC :winfnoid) (\d+)")
# Of one operator, and of a comparison of rows.
_OPERATORS: Final = re.compile(r":opno (\d+)|:opnos \(o ([\d ]+)\)")
_OPERATOR_NODES: Final = ("DISTINCTEXPR", "NULLIFEXPR", "OPEXPR", "ROWCOMPAREEXPR", "SCALARARRAYOPEXPR")
# `CURRENT_USER` and its kin. What comes before `SVFOP_CURRENT_ROLE` (primnodes.h) tells the time.
_WORDS: Final = re.compile(r"\{SQLVALUEFUNCTION :op (\d+)")
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
    """Take out of a tree what asks for rights; `text` is on one line."""
    nodes = Counter(_NODE.findall(text))
    permissions = tuple(
        Permissions(int(relation), int(required), *columns)
        for relation, required, *columns in _PERMISSIONS.findall(text)
    )
    calls, aggregates = _CALLS.findall(text), _AGGREGATES.findall(text)
    operators = _OPERATORS.findall(text)
    unknown = {f"a {name}" for name in nodes.keys() - _KNOWN_NODES}
    unknown.update("a word for the session" for op in _WORDS.findall(text) if int(op) >= _FIRST_OF_SESSION)
    relations = _oids(_RELATIONS.findall(text))
    expected = {
        "relations": (nodes["RTEPERMISSIONINFO"] or len(_RELATIONS.findall(text)), len(permissions)),
        "calls": (nodes["FUNCEXPR"], len(calls)),
        "aggregates": (nodes["AGGREF"] + nodes["WINDOWFUNC"], len(aggregates)),
        "operators": (sum(nodes[name] for name in _OPERATOR_NODES), len(operators)),
    }
    unknown.update(f"{there} {what}, {read} of them read" for what, (there, read) in expected.items() if there != read)
    if not relations <= {each.relation for each in permissions}:
        unknown.add("a relation that asks for nothing")
    if _UNNEST in text and any(_width(written) < _width(there) for written, there in _UNNESTED.findall(text)):
        # An array of rows: what was taken for the row, or for its value, would be its first field.
        unknown.add("an unnest of more columns than are named")
    return ParseTree(
        permissions,
        calls=_oids(oid for oid, form in calls if form in _EXPLICIT) | _oids(aggregates),
        casts=_oids(oid for oid, form in calls if form not in _EXPLICIT),
        operators=_oids(_each(operators)),
        unknown=frozenset(unknown),
    )


def _width(names: str) -> int:
    """Count quoted names; a space in one has a backslash before it."""
    return names.count('" "') + 1


def _oids(texts: Iterable[str]) -> frozenset[int]:
    return frozenset(int(text) for text in texts)


def _each(operators: Iterable[tuple[str, str]]) -> Iterator[str]:
    for one, several in operators:
        yield from (one or several).split()
