"""The statements of a purge, spelled for one entry of an expiry list. Pure."""

from proxy.expiry.document import Expiry
from proxy.policy.quoting import identifier, relation

# Where the first batch begins.
BEGINNING = "-infinity"


def lock_oldest(entry: Expiry) -> str:
    """Lock at most $2 of the rows that have expired at $1 and return ctid and time of each as text, the oldest first.

    What another session holds is left out, and so is what is older than $3, a
    time as text: without it each batch would step over all that the ones
    before it have deleted, as long as some old snapshot keeps that from being
    cleaned away.
    """
    return f"{oldest(entry, '$3::text::timestamptz', '$1::timestamptz', '$2::bigint')} FOR UPDATE SKIP LOCKED"


def oldest(entry: Expiry, since: str, until: str, limit: str) -> str:
    """Select the oldest rows between two times; `since`, `until` and `limit` are SQL: a call, a parameter."""
    table, where = relation(entry.table), _expired(entry, until)
    # With its table: in ORDER BY a bare name would be the text that is selected.
    column = f"{table}.{identifier(entry.column)}"
    return (
        f"SELECT ctid::text, {column}::text FROM ONLY {table}"
        f" WHERE {column} >= {since} AND {where} ORDER BY {column} LIMIT {limit}"
    )


def delete(entry: Expiry) -> str:
    """Delete the rows $1 (ctids as text, which hold while the rows are locked) and count them."""
    table = relation(entry.table)
    # As text: the driver looks up arrays of other types with set_config, which wall two takes from everybody.
    return (
        f"WITH gone AS (DELETE FROM ONLY {table} WHERE ctid = ANY ($1::text[]::tid[]) RETURNING 1)"
        " SELECT pg_catalog.count(*) FROM gone"
    )


def count(entry: Expiry) -> str:
    """Count the rows that have expired at $1."""
    condition = _expired(entry, "$1::timestamptz")
    return f"SELECT pg_catalog.count(*) FROM ONLY {relation(entry.table)} WHERE {condition}"


def _expired(entry: Expiry, until: str) -> str:
    condition = f"{identifier(entry.column)} <= {until}"
    # On lines of its own: it may end in a comment.
    return condition if entry.where is None else f"{condition} AND (\n{entry.where.strip()}\n)"
