"""`migrations/<database>/expiry.yaml` → which rows expire, or every fault of the file with its line. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import yaml

from proxy.policy.expressions import fault_of
from proxy.policy.model import TableName
from proxy.policy.yaml_reader import Fault, YamlReader, is_system

FILE_NAME = "expiry.yaml"

_KEYS = ("table", "column", "keep", "where")
_UNITS_S = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]{1,9})\s*([a-z]+)", re.ASCII)
_LONGEST_S = 3650 * 86_400


@dataclass(frozen=True, slots=True)
class Expiry:
    """Rows of `table` go `keep_s` seconds after the time in `column`; of those, the ones that fulfil `where`.

    `place` is the file and the line that say so.
    """

    table: TableName
    column: str
    keep_s: int
    where: str | None
    place: str


class ExpiryInvalid(Exception):  # noqa: N818 - the domain's word
    """A file that cannot be used, with all that is wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def parse_expiry(text: str, source: str) -> tuple[Expiry, ...]:
    """Read a file. `source` names it in faults. Raises `ExpiryInvalid` with every fault."""
    reader = _Reader(source, "an expiry list", "Begin with `- {table: …, column: …}`.")
    root = reader.compose(text)
    entries = reader.entries(root) if root is not None else ()
    if reader.faults:
        raise ExpiryInvalid(reader.sorted_faults())
    return tuple(entries)


class _Reader(YamlReader):
    """Walks the nodes of one file."""

    def entries(self, root: yaml.Node) -> list[Expiry]:
        if not isinstance(root, yaml.SequenceNode):
            self.fault(root, f"{self.what} must be a list", self.begin)
            return []
        seen: set[tuple[object, ...]] = set()
        found: list[Expiry] = []
        for node in root.value:
            entry = self._entry(node)
            if entry is None:
                continue
            what = (entry.table, entry.column, entry.where)
            if what in seen:
                self.fault(node, f"{entry.table} expires by {entry.column} twice", "Keep one.")
            seen.add(what)
            found.append(entry)
        return found

    def _entry(self, node: yaml.Node) -> Expiry | None:
        values = {name: value for _, name, value in self.mapping(node, "an entry", _KEYS)}
        if not isinstance(node, yaml.MappingNode):
            return None
        for name in ("table", "column"):
            if name not in values:
                self.fault(node, f'"{name}" is missing')
        table = self._table(values.get("table"))
        column = self._text(values.get("column"), "column")
        keep_s = self._keep(values.get("keep"))
        where = self._where(values.get("where"))
        if table is None or column is None:
            return None
        return Expiry(table, column, keep_s, where, f"{self.source}:{node.start_mark.line + 1}")

    def _text(self, node: yaml.Node | None, what: str) -> str | None:
        return None if node is None else self.text(node, what)

    def _table(self, node: yaml.Node | None) -> TableName | None:
        text = self._text(node, "table")
        table = None if node is None or text is None else self.table_name(node, text)
        if node is not None and table is not None and is_system(table):
            self.fault(node, f"{table} belongs to PostgreSQL or the gateway", "Each looks after its own.")
        return table

    def _keep(self, node: yaml.Node | None) -> int:
        text = self._text(node, "keep")
        if node is None or text is None:
            return 0
        match = _DURATION.fullmatch(text)
        seconds = int(match[1]) * _UNITS_S.get(match[2], 0) if match else 0
        if not 1 <= seconds <= _LONGEST_S:
            self.fault(node, f'keep: "{text}" is no time from 1s to 3650d', "Write 90s, 15min, 24h, 30d or 2w.")
        return seconds

    def _where(self, node: yaml.Node | None) -> str | None:
        text = self._text(node, "where")
        fault = None if text is None else fault_of(text)
        if node is not None and fault is not None:
            self.fault(node, f"where is not one condition: {fault}")
        return text
