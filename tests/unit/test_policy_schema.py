"""The JSON Schema that editors use, held against the parser: what one refuses for its shape, so does the other."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from test_policy_document import HEAD, WHOLE

from proxy.policy import document
from proxy.policy.document import PolicyInvalid, parse_policy
from proxy.policy.functions import GROUPS

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "policies" / "policy.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

GOOD = [
    WHOLE,
    HEAD + "roles: {r: }",
    HEAD + "roles: {}",
    HEAD + "roles: {r: {t: {delete: true, unbounded: true}}}",
    HEAD + "roles: {r: {t: {select: [id], update: [id], lock: true}}}",
    HEAD + "roles: {r: {a.t: {insert: all, rows: 'id > 1'}}}",
    HEAD + "roles: {r: }\nlimits: {rows: 5, bytes: 100, timeout: 1.5s, rate: 5/hour, statement_bytes: 1kB}",
    HEAD + "roles: {r: }\nlimits: {rows: '5', bytes: 1 MiB, concurrency: 2, rate: 5 / min}",
]
# Faults of shape, which a schema can see. Names that do not exist, repeated keys and the like are the parser's alone.
BAD = [
    "[]",
    "tenant: t",
    HEAD,
    HEAD + "roles: []",
    HEAD + "roles: {r: {t: all}}",
    HEAD + "roles: {r: {t: {}}}",
    HEAD + "roles: {r: {t: {delete: false}}}",
    HEAD + "roles: {r: {t: {selct: all}}}",
    HEAD + "roles: {r: {t: {select: some}}}",
    HEAD + "roles: {r: {t: {select: []}}}",
    HEAD + "roles: {r: {t: {select: [a, a]}}}",
    HEAD + "roles: {r: {t: {select: [[a]]}}}",
    HEAD + "roles: {r: {t: {delete: often}}}",
    HEAD + "roles: {r: {t: {select: all, lock: true}}}",
    HEAD + "roles: {r: {t: {insert: all, unbounded: true}}}",
    HEAD + "roles: {r: {t: {select: all, rows: ''}}}",
    HEAD + "roles: {r: {pg_class: {select: all}}}",
    HEAD + "roles: {r: {pg_catalog.pg_class: {select: all}}}",
    HEAD + "roles: {r: {information_schema.tables: {select: all}}}",
    HEAD + "roles: {r: {database_proxy.keys: {select: all}}}",
    HEAD + "roles: {r: }\nmode: strict",
    HEAD + "roles: {r: }\nsecond_reader: off",
    HEAD + "roles: {r: }\nsecond_reader: {}",
    HEAD + "roles: {r: }\nsecond_reader: {off_because: later}",
    HEAD + "roles: {r: }\nlimits: {timeout: 5}",
    HEAD + "roles: {r: }\nlimits: {timeout: 5 days}",
    HEAD + "roles: {r: }\nlimits: {rows: 0}",
    HEAD + "roles: {r: }\nlimits: {rows: -1}",
    HEAD + "roles: {r: }\nlimits: {bytes: 1 ZiB}",
    HEAD + "roles: {r: }\nlimits: {rate: 0/s}",
    HEAD + "roles: {r: }\nlimits: {rate: 5/day}",
    HEAD + "roles: {r: }\nlimits: {speed: 5}",
    HEAD + "roles: {r: }\nclaims: {search_path: sub}",
    HEAD + "roles: {r: }\nclaims: {database_proxy.role: sub}",
    HEAD + "roles: {r: }\nfunctions: math",
    HEAD + "roles: {r: }\nstatements: {s: {to: [r]}}",
    HEAD + "roles: {r: }\nstatements: {s: {to: [], sql: SELECT 1}}",
    HEAD + "roles: {r: }\nstatements: {s: {to: [r], sql: SELECT 1, at: noon}}",
    HEAD + "roles: {r: }\ntests: [{as: r}]",
    HEAD + "roles: {r: }\ntests: [{as: r, allow: SELECT 1, deny: SELECT 1}]",
    HEAD + "roles: {r: }\ntests: [{as: r, allow: SELECT 1, rule: x}]",
    HEAD + "roles: {r: }\ntests: [{allow: SELECT 1}]",
    HEAD + "roles: {r: }\nextra: 1",
    "tenant: ../t\ndatabase: d\nlogin: l\nroles: {r: }",
    "tenant: t\ndatabase: d\nlogin: postgres\nroles: {r: }",
    "tenant: t\ndatabase: d\nlogin: pg_monitor\nroles: {r: }",
]


def test_the_schema_is_one() -> None:
    """The file itself follows JSON Schema."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", GOOD)
def test_both_take_what_is_right(text: str) -> None:
    """A valid file has no underlined line in an editor."""
    parse_policy(text, "p.yaml")
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize("text", BAD)
def test_both_refuse_what_is_wrong(text: str) -> None:
    """What the gateway would refuse for its shape, an editor underlines."""
    with pytest.raises(PolicyInvalid):
        parse_policy(text, "p.yaml")
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text)))


def test_both_know_the_same_keys_and_groups() -> None:
    """A key or a group that is added to one is added to the other, and each key is described."""
    properties = SCHEMA["properties"]
    assert set(properties) == set(document._TOP_KEYS)
    assert set(properties["limits"]["properties"]) == set(document._LIMIT_KEYS)
    assert set(SCHEMA["$defs"]["grant"]["properties"]) == set(document._GRANT_KEYS)
    assert set(properties["functions"]["items"]["anyOf"][0]["enum"]) == set(GROUPS)
    described = [*properties.values(), *properties["limits"]["properties"].values()]
    assert all("description" in entry for entry in [*described, *SCHEMA["$defs"]["grant"]["properties"].values()])


@pytest.mark.parametrize("path", sorted((ROOT / "policies").glob("*.yaml")), ids=lambda path: path.name)
def test_policies_of_this_repository_follow_it(path: Path) -> None:
    """The files that come along are valid, and name the schema so that an editor finds it."""
    text = path.read_text()
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text))) == []
    assert text.startswith("# yaml-language-server: $schema=policy.schema.json\n")


def test_the_documentation_has_every_key_and_its_example_is_valid() -> None:
    """What a file may say stands in docs/policies.md, in tables that name each key."""
    page = (ROOT / "docs" / "policies.md").read_text()
    keys = (*document._TOP_KEYS, *document._LIMIT_KEYS, *document._GRANT_KEYS, *GROUPS)
    assert [key for key in keys if f"`{key}`" not in page] == []
    example = page.split("```yaml\n", 1)[1].split("```", 1)[0]
    assert [test.expect for test in parse_policy(example, "shop.yaml").tests] == ["allow", "deny"]
    assert list(VALIDATOR.iter_errors(yaml.safe_load(example))) == []
