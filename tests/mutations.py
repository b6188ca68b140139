"""Statements cut up and put together otherwise: the mutants that `hunt.py` lets loose on vetting.

A mutant is a list of words (tokens by vetting's own lexer, each as it was
written) that one to four changes went over. Changes know just enough of SQL
(balanced parentheses, commas, clauses, names) that a good part of the mutants
still is SQL. Same `Random`, same mutants.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from proxy.vetting.denial import Denial
from proxy.vetting.keywords import COL_NAME, RESERVED, TYPE_FUNC_NAME
from proxy.vetting.lexer import Kind, tokenize

MOST_WORDS = 160

_KEYWORDS = (
    RESERVED
    | TYPE_FUNC_NAME
    | COL_NAME
    | set(
        "by conflict current day delete do filter first following groups hour insert key last locked materialized"
        " minute month next nothing nulls of ordinality over partition preceding range recursive rollup row rows second"
        " set sets share skip ties time unbounded update within without year zone".split()
    )
)
_BEFORE_TABLE = frozenset({"from", "into", "join", "only", "table", "update", "using"})
_CLAUSES = frozenset(
    "except fetch for from group having intersect limit offset on order returning select set union using values where"
    " window".split()
)
_JOINS = ("JOIN", "LEFT JOIN", "NATURAL JOIN", "CROSS JOIN", ",", ", LATERAL", "FULL JOIN")
_SETS = ("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL")
# Each `{}` is the statement, `{name}` a name.
_WRAPS = (
    "SELECT * FROM ({}) AS {name}",
    "SELECT {name} FROM ({}) AS {name}",
    "SELECT {name}.* FROM ({}) {name} ({name})",
    "SELECT ({})",
    "SELECT ARRAY({}), {name}",
    "SELECT EXISTS ({})",
    "({})",
    "({}) ORDER BY {name}",
    "WITH {name} AS ({}) SELECT * FROM {name}",
    "WITH RECURSIVE {name} AS ({}) SELECT {name} FROM {name}",
    "WITH {name} AS MATERIALIZED ({}) TABLE {name}",
    "INSERT INTO settings (key) {} ON CONFLICT (key) DO UPDATE SET value = {name}",
    "UPDATE calls SET (tags) = ({}) WHERE {name} = 1",
    "DELETE FROM calls USING ({}) AS {name} WHERE calls.id = {name}.id RETURNING {name}",
    "SELECT * FROM calls {name}, LATERAL ({}) AS calls",
    "VALUES (({}))",
)
_GAPS = ("", "  ", "\n", "\t", "\r\n", " /**/ ", " /* ' */ ", ' -- "\n', "/*)*/", "\f")
_STRANGE = ("excluded", "public", "pg_catalog", '"cte 1"', "ctid", "xmin", "value", "oid", "old", "new", "user", '"*"')
_TYPES = ("text", "int", "jsonb", "call_status", "regclass", "calls", "text[]", "pg_catalog.text", '"char"')
_SOFT = ("lower", "to_jsonb", "count", "mask", "calls_of", "first_agent", "row_to_json", "coalesce", "unnest", "sum")


class Word(NamedTuple):
    """One token as it was written."""

    kind: Kind
    raw: str

    @property
    def folded(self) -> str:
        """The keyword that it may be; nothing that a quoted name is."""
        return self.raw.lower() if self.kind == "word" else self.raw


Words = list[Word]
Change = Callable[[Random, Words, "Material"], Words]


@dataclass(frozen=True)
class Material:
    """What mutants are made of: whole statements, and the pieces of them."""

    statements: list[Words]
    groups: list[Words] = field(default_factory=list)
    items: list[Words] = field(default_factory=list)
    clauses: dict[str, list[Words]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    words: dict[Kind, list[Word]] = field(default_factory=dict)


def words_of(sql: str) -> Words | None:
    """Cut a statement into words; None where it cannot be read."""
    try:
        tokens = tokenize(sql)
    except Denial:
        return None
    return [Word(token.kind, sql[token.start : token.end]) for token in tokens if token.kind != "end"]


def text_of(words: Words) -> str:
    """Return the words as a statement, a space between any two."""
    return " ".join(word.raw for word in words)


def material_of(statements: Iterable[str], tables: Iterable[str], names: Iterable[str]) -> Material:
    """Cut statements into pieces; `tables` and `names` are further names to use, as SQL spells them."""
    cut = [words for sql in statements if (words := words_of(sql)) and len(words) <= MOST_WORDS]
    found = Material(statements=cut, tables=sorted(tables))
    kinds: dict[Kind, set[str]] = {}
    for words in cut:
        for start, end in _groups(words):
            found.groups.append(words[start:end])
            found.items.extend(words[first:last] for first, last in _items(words, start, end))
        for start, end in _clauses(words):
            found.clauses.setdefault(words[start].folded, []).append(words[start:end])
        for word in words:
            kinds.setdefault(word.kind, set()).add(word.raw)
    found.words.update({kind: [Word(kind, raw) for raw in sorted(raws)] for kind, raws in sorted(kinds.items())})
    own = {word.raw for words in cut for word in words if _is_name(word)}
    found.names.extend(sorted({*names, *own, *_STRANGE}))
    return found


def mutant(random: Random, parent: Words, material: Material) -> str:
    """Return the text of a statement after one to four changes."""
    words = parent
    for _ in range(random.choice((1, 1, 2, 2, 3, 4))):
        words = random.choice(CHANGES)(random, words, material)[:MOST_WORDS] or parent
    return _with_gaps(random, words) if random.random() < 0.1 else text_of(words)


# --- where things stand ---


def _is_name(word: Word) -> bool:
    return word.kind == "name" or (word.kind == "word" and word.folded not in _KEYWORDS)


def _groups(words: Words) -> Iterator[tuple[int, int]]:
    """Yield where each pair of parentheses begins and ends, both included."""
    open_at: list[int] = []
    for index, word in enumerate(words):
        if word.kind != "mark":
            continue
        if word.raw in "([":
            open_at.append(index)
        elif word.raw in ")]" and open_at:
            yield open_at.pop(), index + 1


def _items(words: Words, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where each item between the commas of a group stands."""
    depth, first = 0, start + 1
    for index in range(start + 1, end - 1):
        raw = words[index].raw if words[index].kind == "mark" else ""
        depth += (raw in ("(", "[")) - (raw in (")", "]"))
        if raw == "," and depth == 0:
            yield first, index
            first = index + 1
    if first < end - 1:
        yield first, end - 1


def _clauses(words: Words) -> Iterator[tuple[int, int]]:
    """Yield where each clause stands: from its keyword to the next one of its depth, or to the end of its group."""
    open_clauses: list[int | None] = [None]
    for index, word in enumerate(words):
        if word.kind == "mark" and word.raw in "([":
            open_clauses.append(None)
        elif word.kind == "mark" and word.raw in ")]":
            last = open_clauses.pop() if len(open_clauses) > 1 else None
            if last is not None:
                yield last, index
        elif word.kind == "word" and word.folded in _CLAUSES:
            if open_clauses[-1] is not None:
                yield open_clauses[-1], index
            open_clauses[-1] = index
    if open_clauses[-1] is not None:
        yield open_clauses[-1], len(words)


def _lists(words: Words) -> list[list[tuple[int, int]]]:
    """Return every list that has commas: in parentheses and in clauses."""
    spans = [*_groups(words), *((start, end + 1) for start, end in _clauses(words))]
    return [items for start, end in spans if len(items := list(_items(words, start, end))) > 1]


def _names_in(words: Words) -> list[int]:
    return [index for index, word in enumerate(words) if _is_name(word)]


def _tables_in(words: Words) -> list[int]:
    return [index for index in _names_in(words) if index and words[index - 1].folded in _BEFORE_TABLE]


def _operands(words: Words) -> list[tuple[int, int]]:
    """Return where values stand: literals, parameters, and names with what is before their dots."""
    found = []
    for index, word in enumerate(words):
        if word.kind in ("string", "number", "parameter"):
            found.append((index, index + 1))
        elif _is_name(word) and (index + 1 == len(words) or words[index + 1].raw not in (".", "(")):
            dotted = index >= 2 and words[index - 1].raw == "."
            found.append((index - 2 if dotted else index, index + 1))
    return found


# --- changes: each takes words and returns others ---


def _name(random: Random, words: Words, material: Material) -> str:
    """Choose a name: of the statement itself, of a table, or any."""
    own = _names_in(words)
    if own and random.random() < 0.5:
        return words[random.choice(own)].raw
    return random.choice(material.tables if random.random() < 0.2 else material.names)


def _read(text: str) -> Words:
    return words_of(text) or []


def _put(words: Words, start: int, end: int, piece: Sequence[Word]) -> Words:
    return [*words[:start], *piece, *words[end:]]


def swap(random: Random, words: Words, _: Material) -> Words:
    """Swap two words."""
    words = list(words)
    one, other = random.randrange(len(words)), random.randrange(len(words))
    words[one], words[other] = words[other], words[one]
    return words


def drop(random: Random, words: Words, _: Material) -> Words:
    """Leave out one to three words."""
    start = random.randrange(len(words))
    return _put(words, start, start + random.choice((1, 1, 2, 3)), [])


def duplicate(random: Random, words: Words, _: Material) -> Words:
    """Say one to three words twice."""
    start = random.randrange(len(words))
    end = start + random.choice((1, 1, 2, 3))
    return _put(words, end, end, words[start:end])


def exchange(random: Random, words: Words, material: Material) -> Words:
    """Put another word of the same kind in a word's place."""
    index = random.randrange(len(words))
    return _put(words, index, index + 1, [random.choice(material.words[words[index].kind])])


def insert(random: Random, words: Words, material: Material) -> Words:
    """Put any word anywhere."""
    index = random.randrange(len(words) + 1)
    return _put(words, index, index, [random.choice(material.words[random.choice(list(material.words))])])


def graft_group(random: Random, words: Words, material: Material) -> Words:
    """Put another statement's parentheses in the place of these, or of a value."""
    spans = [*_groups(words), *_operands(words)]
    return _put(words, *random.choice(spans), random.choice(material.groups)) if spans else words


def graft_item(random: Random, words: Words, material: Material) -> Words:
    """Put another item into a list or in a value's place."""
    piece = random.choice(material.items)
    lists = _lists(words)
    if not lists or random.random() < 0.4:
        spans = _operands(words)
        return _put(words, *random.choice(spans), piece) if spans else words
    start, end = random.choice(random.choice(lists))
    return _put(words, start, end if random.random() < 0.5 else start, [*piece, *_read(",")][: len(piece) + 1])


def move_item(random: Random, words: Words, _: Material) -> Words:
    """Swap two items of one list."""
    lists = _lists(words)
    if not lists:
        return words
    (first, end), (start, last) = sorted(random.sample(random.choice(lists), 2))
    return [*words[:first], *words[start:last], *words[end:start], *words[first:end], *words[last:]]


def graft_clause(random: Random, words: Words, material: Material) -> Words:
    """Put another clause of the same kind in a clause's place, or any after it."""
    spans = list(_clauses(words))
    if not spans:
        return words
    start, end = random.choice(spans)
    if random.random() < 0.6:
        return _put(words, start, end, random.choice(material.clauses[words[start].folded]))
    return _put(words, end, end, random.choice(material.clauses[random.choice(list(material.clauses))]))


def drop_clause(random: Random, words: Words, _: Material) -> Words:
    """Leave out a clause."""
    spans = list(_clauses(words))
    return _put(words, *random.choice(spans), []) if spans else words


def rename_table(random: Random, words: Words, material: Material) -> Words:
    """Read or write another table, a common table expression or a function."""
    places = _tables_in(words)
    if not places:
        return words
    index = random.choice(places)
    name = random.choice(material.tables) if random.random() < 0.7 else _name(random, words, material)
    return _put(words, index, index + 1, _read(name))


def rename(random: Random, words: Words, material: Material) -> Words:
    """Use another name in one place, or in all of a name's places."""
    places = _names_in(words)
    if not places:
        return words
    index = random.choice(places)
    piece = _read(_name(random, words, material))
    if random.random() < 0.5:
        return _put(words, index, index + 1, piece)
    old = words[index]
    return [word for before in words for word in (piece if before == old else [before])]


def alias(random: Random, words: Words, material: Material) -> Words:
    """Give a table an alias, with or without columns."""
    places = _tables_in(words)
    if not places:
        return words
    end = random.choice(places) + 1
    name = _name(random, words, material)
    columns = f"({_name(random, words, material)})" if random.random() < 0.2 else ""
    return _put(words, end, end, _read(f"{random.choice(('', 'AS'))} {name} {columns}"))


def join(random: Random, words: Words, material: Material) -> Words:
    """Put one more source after a table."""
    places = _tables_in(words)
    if not places:
        return words
    end = random.choice(places) + 1
    table, other, column = (_name(random, words, material) for _ in range(3))
    condition = random.choice(("", f"ON {other}.{column} = {table}.{column}", f"USING ({column})", f"AS {other}"))
    return _put(words, end, end, _read(f"{random.choice(_JOINS)} {table} {condition}"))


def qualify(random: Random, words: Words, material: Material) -> Words:
    """Put a qualifier before a name, or take one away."""
    places = _names_in(words)
    if not places:
        return words
    index = random.choice(places)
    if index >= 2 and words[index - 1].raw == "." and random.random() < 0.6:
        return _put(words, index - 2, index, [])
    return _put(words, index, index, _read(f"{_name(random, words, material)}."))


def whole_row(random: Random, words: Words, material: Material) -> Words:
    """Use a whole row, a star, or functional notation in a value's place."""
    spans = _operands(words)
    if not spans:
        return words
    name, other = _name(random, words, material), _name(random, words, material)
    soft = random.choice(_SOFT)
    shapes = (
        f"{name}", f"{name}.*", "*", f"{name}.{soft}", f"{soft}({name})", f"({name}).{other}", f"{soft}({name}.*)",
        f"({name}.*) IS NULL", f"{name}.{other}", f"{name} = {name}", f"ROW({name}.*)", f"({name}.*)", f"{soft}(*)",
        f"{name} -> '{soft}'", f"COALESCE({name}, {other})", f"ARRAY[{name}]", f"{other}({name})",
        f"count(*) FILTER (WHERE {name} IS NULL)", f"({name}, {other}) IN (SELECT {other}, {name})",
        f"(SELECT {name})", f"(SELECT {name} FROM {other})", f"(SELECT {name}.{other})", f"{name} AS {other}",
        f"EXISTS (SELECT FROM {name} WHERE {other} = {name}.{other})", f"{soft}({name}) OVER {other}",
        f"{soft}({other}) OVER (PARTITION BY {name})", f"ARRAY(SELECT {name} FROM {other})",
    )  # fmt: skip
    return _put(words, *random.choice(spans), _read(random.choice(shapes)))


def cast(random: Random, words: Words, _: Material) -> Words:
    """Cast a value."""
    spans = _operands(words)
    if not spans:
        return words
    _, end = random.choice(spans)
    return _put(words, end, end, _read(f"::{random.choice(_TYPES)}"))


def end_clause(random: Random, words: Words, material: Material) -> Words:
    """Put a clause with a name of the statement at the end of it, or of a group."""
    name, other = _name(random, words, material), _name(random, words, material)
    clauses = (
        f"ORDER BY {name}", f"GROUP BY {name}", f"RETURNING {name}", "RETURNING *", f"RETURNING {name}.*",
        f"FOR UPDATE OF {name}", "FOR SHARE", f"LIMIT {name}", f"WHERE {name} = {other}", f"HAVING {name} = {other}",
        f"GROUP BY ROLLUP ({name}, {other})", f"ORDER BY {name} + 0", f"WINDOW {name} AS (ORDER BY {other})",
        f"ON CONFLICT ({name}) DO UPDATE SET {other} = excluded.{other}", "ON CONFLICT DO NOTHING", f"OFFSET ({name})",
        f"UNION SELECT {name}", f"AND {name} IN (TABLE {other})", f"FETCH FIRST ({name}) ROWS WITH TIES",
        f"FROM {name}", f"USING {name}", f"DISTINCT {name}", f"AS {name}", f"AS {name} ({other})", f"COLLATE {name}",
    )  # fmt: skip
    ends = [len(words), *(end - 1 for _, end in _groups(words)), *(end for _, end in _clauses(words))]
    end = random.choice(ends)
    return _put(words, end, end, _read(random.choice(clauses)))


def shadow(random: Random, words: Words, material: Material) -> Words:
    """Put a common table expression before it, of a name that it uses itself."""
    body = text_of(random.choice(material.statements))
    name = _name(random, words, material)
    columns = f"({_name(random, words, material)})" if random.random() < 0.3 else ""
    if random.random() < 0.5:
        body = f"SELECT {_name(random, words, material)} FROM {_name(random, words, material)}"
    recursive = random.choice(("", "", "RECURSIVE"))
    if words[0].folded == "with" and len(words) > 1:
        start = 2 if words[1].folded == "recursive" else 1
        return _put(words, 1, start, _read(f"{recursive} {name} {columns} AS ({body}),"))
    return [*_read(f"WITH {recursive} {name} {columns} AS ({body})"), *words]


def shadow_inside(random: Random, words: Words, material: Material) -> Words:
    """Put a common table expression into parentheses that hold a query."""
    starts = [
        index for index in range(1, len(words)) if words[index].folded == "select" and words[index - 1].raw == "("
    ]
    if not starts:
        return words
    start = random.choice(starts)
    table, source = _name(random, words, material), random.choice(material.tables)
    return _put(words, start, start, _read(f"WITH {table} AS (SELECT * FROM {source})"))


def wrap(random: Random, words: Words, material: Material) -> Words:
    """Put a statement around it."""
    around = random.choice(_WRAPS)
    return _read(around.replace("{name}", _name(random, words, material)).replace("{}", text_of(words)))


def combine(random: Random, words: Words, material: Material) -> Words:
    """Join it with another by a set operation."""
    other = text_of(random.choice(material.statements))
    parts = (text_of(words), f"({other})" if random.random() < 0.3 else other)
    return _read(f" {random.choice(_SETS)} ".join(random.sample(parts, 2)))


def inside(random: Random, words: Words, material: Material) -> Words:
    """Put a whole other statement in parentheses in a value's or a table's place."""
    spans = [*_operands(words), *((index, index + 1) for index in _tables_in(words))]
    if not spans:
        return words
    guest = random.choice(material.statements)
    return _put(words, *random.choice(spans), [*_read("("), *guest, *_read(")")])


def restyle(random: Random, words: Words, _: Material) -> Words:
    """Write a word otherwise: quoted, in capitals, with escapes or dollars."""
    index = random.randrange(len(words))
    word = words[index]
    match word.kind:
        case "word":
            raw = random.choice((f'"{word.raw}"', f'"{word.folded}"', word.raw.upper(), word.raw.swapcase()))
        case "name":
            raw = random.choice((word.raw[1:-1].lower(), word.raw.upper(), word.raw[1:-1]))
        case "string":
            value = word.raw.strip("'")
            raw = random.choice((f"$${value}$$", f"E'{value}'", f"$q${value}$q$", f"'{value}'\n'{value}'"))
        case "number":
            raw = random.choice((f"{word.raw}.", f"{word.raw}e1", f"'{word.raw}'", "0", "$1"))
        case _:
            raw = random.choice((word.raw, f"{word.raw} ", f" {word.raw}"))
    return _put(words, index, index + 1, _read(raw) or [word])


def _with_gaps(random: Random, words: Words) -> str:
    """Return the words with unlike space between them."""
    return "".join(word.raw + (random.choice(_GAPS) if random.random() < 0.2 else " ") for word in words)


# What keeps a statement's shape comes more often: the mutants shall be allowed, too.
CHANGES: tuple[Change, ...] = (
    swap, drop, duplicate, exchange, insert,
    graft_group, graft_group, graft_item, graft_item, graft_item, move_item, graft_clause, graft_clause, drop_clause,
    rename_table, rename_table, rename, rename, rename, alias, alias, join, join, qualify, qualify,
    whole_row, whole_row, whole_row, cast, end_clause, end_clause, shadow, shadow, shadow_inside, wrap, wrap, combine,
    inside, inside, restyle, restyle,
)  # fmt: skip
