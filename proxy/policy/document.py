"""A policy file's text → a `Policy`, or every fault of it with its line.

Scalars are read as the text that stands there: a column called `no` or `on`
is a name, not a truth value. What the file does not say is denied, and what
it says wrongly is a fault: a key that nobody knows would grant nothing while
a reader thinks it does.
"""

import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Literal

import yaml

from proxy.policy.expressions import fault_of
from proxy.policy.functions import BUILTIN, GROUPS, is_forbidden
from proxy.policy.model import (
    ALL_COLUMNS,
    NO_COLUMNS,
    Columns,
    Grant,
    Limits,
    NamedStatement,
    Policy,
    PolicyTest,
    Role,
    TableName,
)
from proxy.policy.yaml_reader import Fault, YamlReader, is_system, near

_TIMES_MS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000}
_SIZES = {"": 1, "b": 1, "kb": 1_000, "mb": 1_000_000, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_RATE_SECONDS = {"s": 1, "sec": 1, "second": 1, "min": 60, "m": 60, "minute": 60, "h": 3_600, "hour": 3_600}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)")
_RATE = re.compile(r"([0-9]+)\s*/\s*([a-z]+)")
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+")
_TENANT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")

_LEAST_WORDS = 3
_READER_HINT = "Leave it out to have a second reader, or write {off_because: why there can be none, in words}."

_TOP_KEYS = (
    "tenant",
    "database",
    "login",
    "mode",
    "second_reader",
    "limits",
    "claims",
    "functions",
    "types",
    "roles",
    "statements",
    "tests",
)
_GRANT_KEYS = ("select", "insert", "update", "delete", "rows", "unbounded", "lock")
_LIMIT_KEYS = ("timeout", "rows", "bytes", "rate", "concurrency", "statement_bytes")


class PolicyInvalid(Exception):  # noqa: N818 - the domain's word
    """A policy file that cannot be used, with all that is wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def parse_policy(text: str, source: str) -> Policy:
    """Read a policy. `source` names the file in faults. Raises `PolicyInvalid` with every fault."""
    reader = _Reader(source, "a policy", "Begin with `tenant:`.")
    root = reader.compose(text)
    policy = (
        reader.policy(root, sha256(text.encode("utf-8", "surrogatepass")).hexdigest()) if root is not None else None
    )
    if reader.faults or policy is None:
        raise PolicyInvalid(reader.sorted_faults())
    return policy


class _Reader(YamlReader):
    """Walks the nodes of one policy."""

    # --- the document ---

    def policy(self, root: yaml.Node, digest: str) -> Policy | None:
        entries = {name: value for _, name, value in self.mapping(root, "a policy", _TOP_KEYS)}
        if not isinstance(root, yaml.MappingNode):
            return None
        for name in ("tenant", "database", "login", "roles"):
            if name not in entries:
                self.fault(root, f'"{name}" is missing')
        tenant = self._name(entries.get("tenant"), "tenant", _TENANT)
        database = self._name(entries.get("database"), "database")
        login = self._name(entries.get("login"), "login")
        roles = self._roles(entries.get("roles"))
        functions = self._functions(entries.get("functions"))
        # Before the tests: a named statement may bring a role of its own.
        statements = tuple(self._statements(entries.get("statements"), roles))
        policy = Policy(
            tenant=tenant,
            database=database,
            login=login,
            roles=roles,
            mode=self._mode(entries.get("mode")),
            limits=self._limits(entries.get("limits")),
            claims=self._claims(entries.get("claims")),
            functions=functions,
            types=tuple(text for _, text in self._list(entries.get("types"), "types")),
            statements=statements,
            tests=tuple(self._tests(entries.get("tests"), roles)),
            second_reader_off_because=self._second_reader(entries.get("second_reader")),
            digest=digest,
            source=self.source,
        )
        return None if self.faults else policy

    def _list(self, node: yaml.Node | None, what: str) -> list[tuple[yaml.Node, str]]:
        return [] if node is None else self.texts(node, what)

    def _name(self, node: yaml.Node | None, what: str, pattern: re.Pattern[str] | None = None) -> str:
        text = None if node is None else self.text(node, what)
        if node is None or text is None:
            return ""
        if len(text.encode()) > 63:
            self.fault(node, f"{what} is longer than 63 bytes", "PostgreSQL would cut it.")
        elif pattern is not None and not pattern.fullmatch(text):
            self.fault(node, f"{what} may hold letters, digits, _, - and .")
        elif what == "login" and (text.startswith("pg_") or text in {"postgres", "public"}):
            self.fault(node, f'"{text}" cannot be a tenant\'s login', "Give the tenant a role of its own.")
        return text

    def _mode(self, node: yaml.Node | None) -> Literal["enforce", "observe"]:
        text = None if node is None else self.text(node, "mode")
        if node is not None and text not in {"enforce", "observe"}:
            self.fault(node, "mode must be enforce or observe")
        return "observe" if text == "observe" else "enforce"

    # --- limits and claims ---

    def _limits(self, node: yaml.Node | None) -> Limits:
        values: dict[str, int | float] = {}
        for _, name, value in self.mapping(node, "limits", _LIMIT_KEYS) if node is not None else ():
            text = self.text(value, name)
            if text is None:
                continue
            try:
                values.update(_LIMITS[name](text))
            except ValueError as exc:
                self.fault(value, f"{name}: {exc}")
        return Limits(**values)  # type: ignore[arg-type]

    def _claims(self, node: yaml.Node | None) -> dict[str, str]:
        claims: dict[str, str] = {}
        for key, setting, value in self.mapping(node, "claims") if node is not None else ():
            claim = self.text(value, f"the claim of {setting}")
            if not _SETTING.fullmatch(setting):
                self.fault(key, f'"{setting}" is not a setting of your own', "Such a name has a dot: app.user_id.")
            elif setting.startswith("database_proxy."):
                self.fault(key, "database_proxy.* is the gateway's own", "Use another prefix, such as app.")
            elif claim is not None:
                claims[setting] = claim
        return claims

    def _second_reader(self, node: yaml.Node | None) -> str | None:
        """Return why it is off. One word is no reason: whoever reviews the file has to learn what is missing."""
        if node is None:
            return None
        if not isinstance(node, yaml.MappingNode) or not node.value:
            self.fault(node, "second_reader takes off_because alone", _READER_HINT)
            return None
        entries = self.mapping(node, "second_reader", ("off_because",))
        reason = next((self.text(value, "off_because") for _, _, value in entries), None)
        if reason is not None and len(reason.split()) < _LEAST_WORDS:
            self.fault(entries[0][2], "off_because gives no reason", _READER_HINT)
        return reason

    # --- grants ---

    def _functions(self, node: yaml.Node | None) -> tuple[str, ...]:
        names = []
        for item, name in self._list(node, "functions"):
            bare = name.removeprefix("pg_catalog.")
            if is_forbidden(name):
                self.fault(item, f"function {name} cannot be allowed", "It reaches beyond the tables of a policy.")
            elif name.count(".") > 1 or "" in name.split("."):
                self.fault(item, f'"{name}" is no function name', "Write function or schema.function.")
            elif name.startswith("pg_catalog.") and bare not in BUILTIN:
                self.fault(item, f"PostgreSQL has no function {bare}", near(bare, BUILTIN))
            elif "." not in name and name not in GROUPS and name not in BUILTIN and (close := near(name, GROUPS)):
                self.fault(
                    item,
                    f'"{name}" is no group of functions',
                    f"{close} A function of your own has its schema: public.{name}.",
                )
            else:
                names.append(name)
        return tuple(names)

    def _roles(self, node: yaml.Node | None) -> dict[str, Role]:
        roles: dict[str, Role] = {}
        for key, name, value in self.mapping(node, "roles") if node is not None else ():
            grants: dict[TableName, Grant] = {}
            empty = isinstance(value, yaml.ScalarNode) and value.value in {"", "~", "null"}
            for table_key, table_text, grant in [] if empty else self.mapping(value, f"role {name}"):
                table = self._table(table_key, table_text)
                if table is not None and table in grants:
                    self.fault(table_key, f"{table} is written twice under {name}", "Keep one.")
                elif table is not None:
                    grants[table] = self._grant(table, grant, table_key.start_mark.line + 1)
            roles[name] = Role(name, grants, key.start_mark.line + 1)
        return roles

    def _table(self, node: yaml.Node, text: str) -> TableName | None:
        table = self.table_name(node, text)
        if table is not None and is_system(table):
            self.fault(
                node, f"{table} belongs to PostgreSQL or the gateway and cannot be granted", "Grant a view of your own."
            )
            return None
        return table

    def _grant(self, table: TableName, node: yaml.Node, line: int) -> Grant:
        faults = len(self.faults)
        columns = dict.fromkeys(("select", "insert", "update"), NO_COLUMNS)
        flags = dict.fromkeys(("delete", "unbounded", "lock"), False)
        rows = None
        entries = self.mapping(node, f"the grant of {table}", _GRANT_KEYS)
        for _, name, value in entries:
            if name in columns:
                columns[name] = self._columns(value, f"{name} of {table}")
            elif name in flags:
                flags[name] = self.boolean(value, f"{name} of {table}")
            else:
                rows = self._rows(value, table)
        grant = Grant(
            table,
            select=columns["select"],
            insert=columns["insert"],
            update=columns["update"],
            delete=flags["delete"],
            rows=rows,
            unbounded=flags["unbounded"],
            lock=flags["lock"],
            line=line,
        )
        # Where a verb is at fault itself, what it leaves of the grant is no second fault.
        if len(self.faults) == faults:
            self._sensible(node, grant)
        return grant

    def _rows(self, node: yaml.Node, table: TableName) -> str | None:
        text = self.text(node, f"rows of {table}")
        fault = None if text is None else fault_of(text)
        if fault is not None:
            self.fault(node, f"rows of {table} is not one condition: {fault}")
        return text

    def _columns(self, node: yaml.Node, what: str) -> Columns:
        if isinstance(node, yaml.ScalarNode):
            if node.value == "all":
                return ALL_COLUMNS
            hint = near(node.value, ["all"]) or f"Write [{node.value or 'a, b'}] for a column, or all."
            self.fault(node, f"{what} must be all or a list of columns", hint)
            return NO_COLUMNS
        names: list[str] = []
        for item, name in self.texts(node, what):
            if name in names:
                self.fault(item, f'column "{name}" is written twice', "Keep one.")
            names.append(name)
        if isinstance(node, yaml.SequenceNode) and not node.value:
            self.fault(node, f"{what} is an empty list", "Leave the verb out to grant nothing.")
        return Columns(names=tuple(names))

    def _sensible(self, node: yaml.Node, grant: Grant) -> None:
        if not (grant.select or grant.insert or grant.update or grant.delete):
            self.fault(node, f"nothing is granted on {grant.table}", "Name a verb: select, insert, update or delete.")
        if grant.unbounded and not (grant.update or grant.delete):
            self.fault(node, f"unbounded on {grant.table} is for UPDATE and DELETE, which are not granted")
        if grant.lock and not (grant.select and grant.update):
            self.fault(
                node, f"lock on {grant.table} needs select and update", "PostgreSQL asks for both to lock a row."
            )

    # --- statements and tests ---

    def _statements(self, node: yaml.Node | None, roles: dict[str, Role]) -> Iterable[NamedStatement]:
        for key, name, value in self.mapping(node, "statements") if node is not None else ():
            entries = {entry: inner for _, entry, inner in self.mapping(value, f"statement {name}", ("to", "sql"))}
            sql = self.text(entries["sql"], f"sql of {name}") if "sql" in entries else None
            to = self._list(entries.get("to"), f"to of {name}")
            for item, role in to:
                if role not in roles and (close := near(role, roles)):
                    self.fault(item, f'there is no role "{role}"', close)
                # A role may live by named statements alone.
                roles.setdefault(role, Role(role, {}, item.start_mark.line + 1))
            if not to or sql is None:
                self.fault(key, f'statement "{name}" needs `to` (a list of roles) and `sql`')
            else:
                yield NamedStatement(name, tuple(role for _, role in to), sql, key.start_mark.line + 1)

    def _tests(self, node: yaml.Node | None, roles: dict[str, Role]) -> Iterable[PolicyTest]:
        if node is not None and not isinstance(node, yaml.SequenceNode):
            self.fault(node, "tests must be a list")
            return
        for item in node.value if node is not None else ():
            entries = {name: value for _, name, value in self.mapping(item, "a test", ("as", "allow", "deny", "rule"))}
            if not isinstance(item, yaml.MappingNode):
                continue
            role = self.text(entries["as"], "as") if "as" in entries else None
            verbs = [verb for verb in ("allow", "deny") if verb in entries]
            if role is None or len(verbs) != 1:
                self.fault(item, "a test names a role with `as` and one statement with `allow` or `deny`")
                continue
            self._known_role(entries["as"], role, roles)
            sql = self.text(entries[verbs[0]], verbs[0])
            rule = self.text(entries["rule"], "rule") if "rule" in entries else None
            if rule is not None and verbs[0] == "allow":
                self.fault(entries["rule"], "`rule` goes with `deny`")
            if sql is not None:
                yield PolicyTest(role, sql, "allow" if verbs[0] == "allow" else "deny", rule, item.start_mark.line + 1)

    def _known_role(self, node: yaml.Node, role: str, roles: dict[str, Role]) -> None:
        if role not in roles:
            self.fault(node, f'there is no role "{role}"', near(role, roles))


# --- quantities ---


def _quantity(text: str, units: dict[str, int], example: str) -> int:
    match = _QUANTITY.fullmatch(text)
    unit = units.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise ValueError(f'"{text}" is no such quantity: write it like {example}')
    amount = int(float(match[1]) * unit)
    if not 0 < amount <= 2**31 - 1:
        raise ValueError(f'"{text}" is out of range')
    return amount


def _rate(text: str) -> dict[str, int | float]:
    match = _RATE.fullmatch(text)
    seconds = _RATE_SECONDS.get(match[2]) if match else None
    if match is None or seconds is None or int(match[1]) == 0:
        raise ValueError(f'"{text}" is no rate: write it like 600/min or 10/s')
    return {"rate_per_s": int(match[1]) / seconds, "rate_burst": int(match[1])}


_LIMITS: dict[str, Callable[[str], dict[str, int | float]]] = {
    "timeout": lambda text: {"timeout_ms": _quantity(text, _TIMES_MS, "5s or 500ms")},
    "rows": lambda text: {"rows": _quantity(text, {"": 1}, "1000")},
    "bytes": lambda text: {"bytes": _quantity(text, _SIZES, "1MiB")},
    "rate": _rate,
    "concurrency": lambda text: {"concurrency": _quantity(text, {"": 1}, "8")},
    "statement_bytes": lambda text: {"statement_bytes": _quantity(text, _SIZES, "32KiB")},
}
