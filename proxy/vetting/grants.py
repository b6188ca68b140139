"""What one role of one policy is granted, as the rules ask for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from proxy.policy.functions import expand
from proxy.policy.model import ALL_COLUMNS, NO_COLUMNS, Columns, Grant, Policy, Role, TableName, Verb
from proxy.vetting.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Grants:
    """A role's grants with the policy's functions and types; also what is known of its tables' columns."""

    role: Role
    functions: frozenset[str]
    types: frozenset[str]
    relations: Mapping[TableName, tuple[str, ...]] | None

    def grant(self, table: TableName) -> Grant | None:
        """Return the role's grant on a table."""
        return self.role.grants.get(table)

    def verb(self, verb: Verb, table: TableName) -> Columns:
        """Return the columns of a table that the role may use with a verb."""
        grant = self.role.grants.get(table)
        if grant is None:
            return NO_COLUMNS
        if verb == "delete":
            return ALL_COLUMNS if grant.delete else NO_COLUMNS
        columns: Columns = getattr(grant, verb)
        return columns

    # --- what the resolver asks (`proxy.vetting.statement.Schema`) ---

    @property
    def complete(self) -> bool:
        """Say whether a catalog told all there is."""
        return self.relations is not None

    def granted(self, table: TableName) -> bool:
        """Say whether the role holds any grant on a table."""
        return table in self.role.grants

    def columns(self, table: TableName) -> tuple[str, ...] | None:
        """Return a table's columns as the catalog has them."""
        return None if self.relations is None else self.relations.get(table)

    def listed(self, table: TableName) -> tuple[str, ...]:
        """Return the columns that the role's grant names."""
        grant = self.role.grants.get(table)
        return () if grant is None else (*grant.select.names, *grant.insert.names, *grant.update.names)

    def readable_whole(self, table: TableName) -> bool:
        """Say whether the role may read every column."""
        return self.verb("select", table).all


def grants_of(policy: Policy, role: Role, catalog: Catalog | None) -> Grants:
    """Gather what a role is granted."""
    return Grants(
        role=role,
        functions=_functions(policy.functions),
        types=frozenset(name if "." in name else f"public.{name}" for name in policy.types),
        # A catalog of nothing is nobody's: there would be no table to ask about.
        relations=catalog.relations if catalog is not None and catalog.relations else None,
    )


@lru_cache(maxsize=1024)
def _functions(names: tuple[str, ...]) -> frozenset[str]:
    return expand(names)
