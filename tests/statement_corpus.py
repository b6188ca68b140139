"""The corpus of `tests/corpus` as values: statements with what their headers say, the policy and the catalog."""

import json
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from proxy.policy.document import parse_policy
from proxy.policy.model import Grant, Policy, Role, TableName
from proxy.vetting.catalog import Catalog

FOLDER = Path(__file__).parent / "corpus"
FIXTURES = Path(__file__).parent / "fixtures"
SCHEMA = (FOLDER / "schema.sql").read_text()


@dataclass(frozen=True)
class Case:
    """One statement: its text without the header, who sends it, its parameters as PostgreSQL's text."""

    path: Path
    sql: str
    why: str
    role: str = "agent"
    params: list[str] = field(default_factory=list)
    needs_catalog: bool = False

    def __str__(self) -> str:
        """Name it in a test's id."""
        return str(self.path.relative_to(FOLDER).with_suffix(""))

    @property
    def rule(self) -> str:
        """The rule that denies it: its folder."""
        return self.path.parent.name


def read_case(path: Path) -> Case:
    """Read one file."""
    return parse_case(path, path.read_bytes().decode())


def parse_case(path: Path, text: str) -> Case:
    """Parse `-- why:`, `-- as:`, `-- params:` and `-- needs: catalog` lines, then the statement."""
    headers: dict[str, str] = {}
    while text.startswith("-- ") and ":" in (line := text.split("\n", 1)[0]):
        key, _, value = line.removeprefix("-- ").partition(":")
        if key not in {"why", "as", "params", "needs"}:
            break
        headers[key] = value.strip()
        text = text.split("\n", 1)[1]
    return Case(
        path=path,
        sql=text.removesuffix("\n"),
        why=headers.get("why", ""),
        role=headers.get("as", "agent"),
        params=json.loads(headers.get("params", "[]")),
        needs_catalog=headers.get("needs") == "catalog",
    )


def allowed_cases() -> list[Case]:
    """Return every statement that must be allowed."""
    return [read_case(path) for path in sorted((FOLDER / "allowed").glob("*.sql"))]


def denied_cases() -> list[Case]:
    """Return every statement that must be denied, each in its rule's folder."""
    return [read_case(path) for path in sorted((FOLDER / "denied").glob("*/*.sql"))]


@cache
def corpus_policy() -> Policy:
    """Return the policy of the corpus."""
    return parse_policy((FOLDER / "policy.yaml").read_text(), "tests/corpus/policy.yaml")


@cache
def corpus_catalog() -> Catalog:
    """Return the catalog of the corpus's schema."""
    document = yaml.safe_load((FOLDER / "catalog.yaml").read_text())
    return Catalog({_table(name): tuple(columns) for name, columns in document.items()}, version="corpus")


def attacks() -> list[dict[str, Any]]:
    """Return the hostile statements, those that were shortened for the file in their full length."""
    files = [FIXTURES / "attacks.jsonl", FIXTURES / "hostile.jsonl"]
    found = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [attack | {"sql": _FULL.get(attack["id"], attack["sql"])} for attack in found]


def with_grants(policy: Policy, role: str, **grants: Grant) -> Policy:
    """Return the policy with more grants for a role, by the table's name in `public`."""
    held = dict(policy.roles[role].grants) | {_table(name): grant for name, grant in grants.items()}
    return replace(policy, roles={**policy.roles, role: Role(role, held)})


# What `attacks.jsonl` cuts off, at the length that it names.
_FULL = {
    "RES07": "SELECT " + "(" * 3000 + "1" + ")" * 3000,
    "RES09": "SELECT 1" + "+1" * 19_999,
    "RES10": f"SELECT id FROM orders WHERE id IN ({','.join(map(str, range(20_000)))})",
    "RES12": "SELECT " + "CASE WHEN true THEN " * 400 + "1" + " END" * 400,
}


def _table(name: str) -> TableName:
    name = name.strip('"')
    schema, dot, rest = name.partition(".")
    return TableName(schema, rest) if dot else TableName("public", name)
