"""What PostgreSQL says its relations look like, as values that vetting can read.

`proxy.database.catalog` fills it from a server. Vetting works without one
(`policy test` on a laptop), from the column lists of the policy alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.policy.model import TableName


@dataclass(frozen=True, slots=True)
class Catalog:
    """A database's relations as of one moment.

    `relations` maps each table, view, materialized view, foreign table and
    table-returning function that the login could name to its column names,
    in PostgreSQL's order. `version` changes when anything in it does: part
    of every verdict's cache key.
    """

    relations: Mapping[TableName, tuple[str, ...]] = field(default_factory=dict)
    version: str = ""
