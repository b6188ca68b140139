"""YAML that an administrator writes, read node by node, so that each fault of a file is told with its line.

What is common to every kind of file: scalars are the text that stands there
(a name like `no` stays a name), a key is written once, a key that nobody knows
is a fault, and there are no anchors, aliases or tags.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

import yaml

from proxy.policy.model import TableName

# YAML 1.1 §5.1: the characters that a document may not hold.
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# YAML 1.1 §6.9 and §7.1: tags, anchors, aliases.
_SHORTHAND = re.compile("[!&*]")
_DOTTED = re.compile(r'(?:"((?:[^"]|"")+)"|([^".]+))(?:\.(?:"((?:[^"]|"")+)"|([^".]+)))?')
_SYSTEM_SCHEMAS = ("pg_catalog", "information_schema", "pg_toast", "database_proxy")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a file. Lines and columns count from 1."""

    source: str
    line: int
    column: int
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        """Return `file:line:column: message (hint)`."""
        place = f"{self.source}:{self.line}:{self.column}: {self.message}"
        return f"{place} ({self.hint})" if self.hint else place


class YamlReader:
    """Walks the nodes of one file, gathers faults, and goes on with what is usable.

    `what` is the kind of file, as messages call it (`a policy`); `begin` is
    the hint for a file that is empty.
    """

    def __init__(self, source: str, what: str, begin: str) -> None:
        self.source = source
        self.what = what
        self.begin = begin
        self.faults: list[Fault] = []

    def compose(self, text: str) -> yaml.Node | None:
        """Return the root of the document; None, and a fault, where there is none."""
        position = _unreadable(text)
        if position is not None:
            before = text[:position].split("\n")
            message = f"the character U+{ord(text[position]):04X} has no place in {self.what}"
            self.faults.append(Fault(self.source, len(before), len(before[-1]) + 1, message))
            return None
        try:
            # Anchors are refused before composing: an alias could make much out of little.
            shorthand = _shorthand(text)
            if shorthand is not None:
                message = f"anchors, aliases and tags are not used in {self.what}"
                self._fault_at(shorthand, message, "Write it out.")
                return None
            root = yaml.compose(text, Loader=yaml.CSafeLoader)
        except yaml.MarkedYAMLError as exc:
            mark = exc.problem_mark or exc.context_mark
            hint = "Indent with spaces, not with tabs." if _at_tab(text, mark) else None
            self._fault_at(mark, f"this is not YAML: {exc.problem or exc.context}", hint)
            return None
        except (yaml.YAMLError, RecursionError) as exc:
            self.faults.append(Fault(self.source, 1, 1, f"this is not YAML: {type(exc).__name__}"))
            return None
        if root is None:
            self.faults.append(Fault(self.source, 1, 1, "the file is empty", self.begin))
        return root

    def fault(self, node: yaml.Node, message: str, hint: str | None = None) -> None:
        """Note a fault at the place of a node."""
        self._fault_at(node.start_mark, message, hint)

    def sorted_faults(self) -> list[Fault]:
        """Return every fault in the order of the file."""
        return sorted(self.faults, key=lambda fault: (fault.line, fault.column))

    def mapping(
        self, node: yaml.Node, what: str, keys: Iterable[str] | None = None
    ) -> list[tuple[yaml.Node, str, yaml.Node]]:
        """Return (key node, key, value) of a mapping, each key once; faults for unknown and repeated keys."""
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, f"{what} must be a mapping of names to values")
            return []
        found: list[tuple[yaml.Node, str, yaml.Node]] = []
        seen: set[str] = set()
        for key, value in node.value:
            name = self.text(key, f"a key of {what}")
            if name is None:
                continue
            if name in seen:
                self.fault(key, f'"{name}" is written twice', "Keep one.")
            elif keys is not None and name not in keys:
                self.fault(key, f'"{name}" is not known in {what}', near(name, keys))
            else:
                seen.add(name)
                found.append((key, name, value))
        return found

    def text(self, node: yaml.Node, what: str) -> str | None:
        """Return a scalar's text; None, and a fault, where it is no scalar or empty."""
        if not isinstance(node, yaml.ScalarNode):
            self.fault(node, f"{what} must be a single value")
            return None
        value: str = node.value
        if value == "" or "\0" in value:
            self.fault(node, f"{what} is empty", "Write a value or leave the line out.")
            return None
        return value

    def texts(self, node: yaml.Node, what: str) -> list[tuple[yaml.Node, str]]:
        """Return the scalars of a list, each with its node."""
        if not isinstance(node, yaml.SequenceNode):
            self.fault(node, f"{what} must be a list", "Write [a, b].")
            return []
        items = [(item, self.text(item, f"an item of {what}")) for item in node.value]
        return [(item, text) for item, text in items if text is not None]

    def boolean(self, node: yaml.Node, what: str) -> bool:
        """Return what `true` or `false` says."""
        value = node.value if isinstance(node, yaml.ScalarNode) else None
        if value not in {"true", "false"}:
            self.fault(node, f"{what} must be true or false")
        return value == "true"

    def table_name(self, node: yaml.Node, text: str) -> TableName | None:
        """Return a table's full name; without a schema it is in `public`."""
        match = _DOTTED.fullmatch(text)
        if match is None:
            self.fault(node, f'"{text}" is no table name', "Write table or schema.table.")
            return None
        parts = [part.replace('""', '"') if quoted else part for quoted, part in _parts(match)]
        return TableName(parts[0], parts[1]) if len(parts) == 2 else TableName("public", parts[0])

    def _fault_at(self, mark: yaml.Mark | None, message: str, hint: str | None = None) -> None:
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        self.faults.append(Fault(self.source, line, column, message, hint))


def is_system(table: TableName) -> bool:
    """Say whether a table is PostgreSQL's or the gateway's own."""
    return table.schema in _SYSTEM_SCHEMAS or table.schema.startswith("pg_") or table.name.startswith("pg_")


def near(name: str, known: Iterable[str]) -> str | None:
    """Return a hint that names what a misspelled name may have meant."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f'Did you mean "{close[0]}"?' if close else None


def _unreadable(text: str) -> int | None:
    """Return where the first character is that YAML does not take, or half of a surrogate pair."""
    match = _UNREADABLE.search(text)
    return match.start() if match else None


def _shorthand(text: str) -> yaml.Mark | None:
    """Return where the first anchor, alias or tag is. Raises yaml's errors."""
    # Most files have none of the characters that one begins with, and looking at each token takes half of their time.
    if _SHORTHAND.search(text) is None:
        return None
    for token in yaml.scan(text, Loader=yaml.CSafeLoader):
        if isinstance(token, yaml.AliasToken | yaml.AnchorToken | yaml.TagToken):
            mark: yaml.Mark = token.start_mark
            return mark
    return None


def _at_tab(text: str, mark: yaml.Mark | None) -> bool:
    lines = text.split("\n")
    return mark is not None and mark.line < len(lines) and lines[mark.line][mark.column : mark.column + 1] == "\t"


def _parts(match: re.Match[str]) -> list[tuple[bool, str]]:
    pairs = ((match[1], match[2]), (match[3], match[4]))
    return [(quoted is not None, quoted or plain) for quoted, plain in pairs if quoted or plain]
