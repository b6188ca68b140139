"""Statements drawn from a small grammar over the corpus's schema, of the kinds that applications write."""

from hypothesis import strategies as st

# Tables with columns that role `agent` may read, and of which type they are.
TABLES = {
    "agents": {"id": "int", "manager_id": "int", "name": "text", "email": "text", "active": "bool"},
    "customers": {"name": "text", "email": "text", "notes": "text"},
    "calls": {"agent_id": "int", "transcript": "text"},
    '"Call Notes"': {"id": "int", '"Author"': "text", '"select"': "text", '"höhe"': "int"},
    "public.settings": {"key": "text"},
}
_ALIASES = st.sampled_from(["a", "x", '"Z z"', "agents", "calls", "excluded", "value", '"cte 1"', "count"])
_STRINGS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
_TYPES = ["int", "text", "bool"]


def _literal(kind: str) -> st.SearchStrategy[str]:
    match kind:
        case "int":
            return st.one_of(st.integers(0, 10**12).map(str), st.just("$1"), st.just("NULL::int"))
        case "text":
            return st.one_of(_STRINGS.map(lambda text: "'" + text.replace("'", "''") + "'"), st.just("$$it's$$"))
        case _:
            return st.sampled_from(["true", "false", "NULL"])


class Source:
    """A table under an alias, and its columns by type."""

    def __init__(self, alias: str, columns: dict[str, str]) -> None:
        self.alias = alias
        self.columns = columns

    def of_type(self, kind: str) -> list[str]:
        """Return references to its columns of a type."""
        return [f"{self.alias}.{name}" for name, its in self.columns.items() if its == kind]


@st.composite
def expressions(draw: st.DrawFn, kind: str, sources: list[Source], depth: int = 2) -> str:
    """Draw an expression of a type."""
    columns = [column for source in sources for column in source.of_type(kind)]
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(columns)) if columns and draw(st.booleans()) else draw(_literal(kind))
    shape = draw(st.sampled_from(_SHAPES[kind]))
    parts = {f"{{{each}}}": each for each in _TYPES}
    for mark, each in parts.items():
        while mark in shape:
            shape = shape.replace(mark, draw(expressions(each, sources, depth - 1)), 1)
    if "{query}" in shape:
        shape = shape.replace("{query}", draw(selects([kind], sources, depth - 1)))
    return shape


_SHAPES = {
    "int": [
        "{int} + {int}", "({int} * {int})", "length({text})", "coalesce({int}, {int})", "({query})", "{int}::int",
        "CASE WHEN {bool} THEN {int} ELSE {int} END", "position({text} IN {text})", "- {int}", "abs({int})",
        "(extract(year FROM now())::int)", "array_length(ARRAY[{int}, {int}], 1)", "greatest({int}, {int})",
    ],
    "text": [
        "lower({text})", "{text} || {text}", "substring({text} FROM {int})", "CAST({int} AS text)",
        "nullif({text}, {text})",
        "trim(both {text} from {text})", "({query})", "concat({text}, {int})", "('{{}}'::jsonb ->> {text})",
        "to_char(DATE '2025-01-01' + INTERVAL '1' day, {text})", "pg_catalog.upper({text})",
    ],
    "bool": [
        "{int} = {int}", "{text} LIKE {text}", "({bool} AND {bool})", "NOT {bool}", "{int} BETWEEN {int} AND {int}",
        "{int} IN ({int}, {int})", "{text} IS NOT NULL", "{int} IS DISTINCT FROM {int}", "{int} = ANY (ARRAY[{int}])",
        "EXISTS ({query})", "({int}, {text}) = ({int}, {text})", "({bool} OR {bool}) IS TRUE",
    ],
}  # fmt: skip


@st.composite
def selects(draw: st.DrawFn, kinds: list[str], outer: list[Source], depth: int = 2) -> str:
    """Draw a query whose columns are of these types, within queries that have other sources."""
    sources: list[Source] = []
    text = ""
    for _ in range(draw(st.integers(0, 2))):
        alias = draw(_ALIASES.filter(lambda name: name not in [source.alias for source in (*sources, *outer)]))
        table = draw(st.sampled_from(sorted(TABLES)))
        source = Source(alias, TABLES[table])
        joined = draw(st.sampled_from([", ", " CROSS JOIN ", " LEFT JOIN "])) if sources else " FROM "
        sources.append(source)
        text += f"{joined}{table} AS {alias}"
        if joined == " LEFT JOIN ":
            text += f" ON {draw(expressions('bool', sources, 1))}"
    seen = [*outer, *sources]
    items = [draw(expressions(kind, seen, depth)) for kind in kinds]
    labelled = [f"{item} AS c{number}" for number, item in enumerate(items)]
    text = f"SELECT {draw(st.sampled_from(['', 'DISTINCT ', 'ALL ']))}{', '.join(labelled)}{text}"
    if draw(st.booleans()):
        text += f" WHERE {draw(expressions('bool', seen, 1))}"
    return text


@st.composite
def statements(draw: st.DrawFn) -> str:
    """Draw a statement: a query, one with WITH or a set operation, or a change of `settings` or `calls`."""
    kinds = draw(st.lists(st.sampled_from(_TYPES), min_size=1, max_size=3))
    query = draw(selects(kinds, []))
    where = draw(expressions("bool", [Source("calls", TABLES["calls"])]))
    text = draw(expressions("text", [Source("calls", TABLES["calls"])]))
    key = draw(selects(["text"], []))
    upsert = "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    return draw(
        st.sampled_from(
            [
                query,
                f"{query} ORDER BY 1 LIMIT 3",
                f"WITH x AS ({query}), agents (n) AS (SELECT c0 FROM x) SELECT n, count(*) FROM agents GROUP BY n",
                f"({query}) UNION ALL ({draw(selects(kinds, []))}) ORDER BY c0",
                f"SELECT q.* FROM ({query}) AS q, LATERAL (SELECT q.c0) AS r (again)",
                f"UPDATE calls SET transcript = {text}, tags = '{{a}}' WHERE {where} RETURNING id",
                f"DELETE FROM calls WHERE {where}",
                f"INSERT INTO settings (key, value) SELECT c0, '1' FROM ({key}) AS s {upsert}",
            ]
        )
    )
