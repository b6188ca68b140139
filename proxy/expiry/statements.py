"""The statements of a purge, spelled for one entry of an expiry list. Pure."""

from proxy.expiry.document import Expiry
from proxy.policy.quoting import identifier, relation


def oldest(entry: Expiry, until: str, limit: str) -> str:
    """Select the oldest rows that have expired at `until`; `until` and `limit` are SQL: a call, a parameter."""
    column = identifier(entry.column)
    return (
        f"SELECT ctid FROM ONLY {relation(entry.table)} WHERE {_expired(entry, until)} ORDER BY {column} LIMIT {limit}"
    )


def lock_oldest(entry: Expiry) -> str:
    """Lock at most $2 of the rows that have expired at $1, the oldest first; what another session holds is left out."""
    return f"{oldest(entry, '$1::timestamptz', '$2::bigint')} FOR UPDATE SKIP LOCKED"


def delete(entry: Expiry) -> str:
    """Delete the rows $1 (ctids, which hold while the rows are locked) and count them."""
    table = relation(entry.table)
    return (
        f"WITH gone AS (DELETE FROM ONLY {table} WHERE ctid = ANY ($1::tid[]) RETURNING 1)"
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
