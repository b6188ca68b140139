"""Wall one's second reader: what PostgreSQL says a statement touches, held against what vetting said.

PostgreSQL's reading comes from `proxy.database.analyse`; here it is a value.
The verdict may name more than PostgreSQL touches (a column of USING, a table
that is optimised away later), never less.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from proxy.policy.model import TableName
from proxy.vetting.statement import ALL
from proxy.vetting.verdict import Touched

# PostgreSQL's name for the row type as a whole, and for nothing but the table itself.
WHOLE_ROW = ALL

# What SQL's own words call: OVERLAPS, AT TIME ZONE, IS NORMALIZED, LIKE … ESCAPE, SIMILAR TO.
_OF_SYNTAX = frozenset({"is_normalized", "like_escape", "overlaps", "similar_to_escape", "timezone"})


@dataclass(frozen=True, slots=True)
class RelationReading:
    """What PostgreSQL's analysis asks of one relation; `*` among the columns is the whole row.

    `verbs` are select, insert, update, delete, and lock for a row lock.
    """

    reads: frozenset[str] = frozenset()
    inserts: frozenset[str] = frozenset()
    updates: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """A statement as PostgreSQL's own analysis has it.

    `functions` are explicit calls, spelled as a policy does. `foreign` are
    those that operators and casts call, where they are the database's own:
    neither PostgreSQL's nor an extension's. `unknown` tells, in words, what
    of the reading was not understood.
    """

    relations: Mapping[TableName, RelationReading] = field(default_factory=dict)
    functions: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()


def disagreements(touched: Touched, reading: Reading, listed: Collection[str] = ()) -> Iterator[str]:
    """Yield, in words, each thing that PostgreSQL touches beyond the verdict, or that could not be told of it.

    `listed` are the functions that the policy lists: operators and casts may call those.
    """
    for table, found in sorted(reading.relations.items(), key=lambda item: item[0]):
        yield from _beyond("reads", table, found.reads, touched.reads.get(table))
        yield from _beyond("inserts", table, found.inserts, touched.inserts.get(table))
        yield from _beyond("updates", table, found.updates, touched.updates.get(table))
        yield from _verbs(touched, table, found)
    as_tables = {f"{table.schema}.{table.name}" for table in touched.reads}
    for function in sorted(reading.functions - touched.functions - as_tables - _OF_SYNTAX):
        yield f"calls function {function}"
    for name in sorted(reading.foreign.difference(listed)):
        yield f"calls {name} implicitly"
    for part in sorted(reading.unknown):
        yield f"has {part}"


def _beyond(doing: str, table: TableName, found: frozenset[str], told: frozenset[str] | None) -> Iterator[str]:
    if not found or (told is not None and (ALL in told or found <= told)):
        return
    for column in sorted(found - (told or frozenset())):
        yield f"{doing} {table}.{column}"


def _verbs(touched: Touched, table: TableName, found: RelationReading) -> Iterator[str]:
    told = {
        "select": table in touched.reads,
        "insert": table in touched.inserts,
        "update": table in touched.updates,
        "delete": table in touched.deletes,
        "lock": table in touched.locks,
    }
    for verb in sorted(found.verbs):
        if not told.get(verb, False):
            yield f"{verb}s {table}"
