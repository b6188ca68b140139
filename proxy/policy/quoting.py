"""Names and strings as PostgreSQL's scripts spell them: the one place where wall two quotes."""

from collections.abc import Iterable
from itertools import count

from proxy.policy.model import TableName


def identifier(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a string, whatever `standard_conforming_strings` says."""
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def literals(texts: Iterable[str]) -> str:
    """Quote strings as an array of text."""
    return f"ARRAY[{', '.join(literal(text) for text in texts)}]::text[]"


def relation(table: TableName) -> str:
    """Quote a table's full name."""
    return f"{identifier(table.schema)}.{identifier(table.name)}"


def relations(tables: Iterable[TableName]) -> str:
    """Quote tables as an array of their OIDs; NULL for one that is no relation."""
    found = (f"pg_catalog.to_regclass({literal(relation(table))})" for table in tables)
    return f"ARRAY[{', '.join(found)}]::oid[]"


def block(body: str) -> str:
    """Make an anonymous block of PL/pgSQL; its dollar quote is one that nothing in the body ends."""
    tag = next(tag for tag in (f"$do{'_' * length}$" for length in count()) if tag not in body)
    return f"DO {tag}\n{body.strip()}\n{tag};"
