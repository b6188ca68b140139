"""What the pages say exists, and what exists is on a page."""

import ast
import inspect
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from proxy.cli import create_parser
from proxy.policy.document import parse_policy
from proxy.settings import VARIABLES, load_settings
from proxy.telemetry import events, metrics
from proxy.vetting import vet
from proxy.vetting.rules import SLUGS
from proxy.vetting.verdict import Allowed, Denied
from proxy.wire.statuses import STATUSES

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
FOLDERS = [folder for folder in ROOT.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in folder.rglob("*.md"))]
    if "node_modules" not in page.parts
)
SOURCES = sorted((ROOT / "proxy").rglob("*.py"))


def name_of(path: Path) -> str:
    """Return a path as one would write it from the checkout's folder."""
    return str(path.relative_to(ROOT))


FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", flags=re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """Yield a page's code blocks in one of the languages."""
    for match in FENCE.finditer(page.read_text()):
        if match[2] in languages:
            yield match[3]


def all_blocks(*languages: str) -> list[tuple[str, str]]:
    """Return every page's code blocks in one of the languages, each with its page's name."""
    return [(name_of(page), block) for page in PAGES for block in blocks(page, *languages)]


def prose(page: Path) -> str:
    """Return a page's text without its code blocks."""
    return FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings have."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    """Return the targets of a page's links that do not lead to another site."""
    targets = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(page))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file or folder that is there, and a heading that it has."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: the page has no such heading"


def test_every_page_is_in_the_index() -> None:
    """A reader who starts at docs/README.md can get to every page below docs/."""
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in links(DOCS / "README.md")}
    pages = {page for page in PAGES if page.parent == DOCS and page.name != "README.md"}
    assert pages <= listed


def slugs_in_code() -> set[str]:
    """Return every rule that some code names: the first word of a `Denied(…)`, and every `rule` that is set."""
    found: set[str] = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            candidates: list[ast.expr] = []
            match node:
                case ast.Call(func=ast.Name(id="Denied" | "Denial"), args=args, keywords=keywords):
                    candidates = [*args[:1], *(word.value for word in keywords if word.arg == "rule")]
                case ast.Assign(targets=[ast.Attribute(attr="rule"), *_], value=value):
                    candidates = [value]
            found |= {c.value for c in candidates if isinstance(c, ast.Constant) and isinstance(c.value, str)}
    return found


def test_every_rule_has_a_page() -> None:
    """The rules that code denies by and the pages of docs/rules/ are the same."""
    modules = {module.stem.replace("_", "-") for module in (ROOT / "proxy/vetting/rules").glob("[!_]*.py")}
    pages = {page.stem for page in (DOCS / "rules").glob("*.md")} - {"README"}
    assert modules <= SLUGS
    # PostgreSQL's own denial is no rule of vetting: docs/errors.md tells of it.
    assert pages == SLUGS | slugs_in_code() - {"database-rights"}
    assert "`database-rights`" in (DOCS / "errors.md").read_text()


def test_every_error_is_explained() -> None:
    """Each error code, the gateway's and Caddy's, is a row of docs/errors.md with its status, and no other is."""
    of_caddy = set(re.findall(r'"error":"([a-z-]+)"', (ROOT / "Caddyfile").read_text())) - STATUSES.keys()
    rows = re.findall(r"^\| (\d{3}) \| `([a-z-]+)` \|", (DOCS / "errors.md").read_text(), re.MULTILINE)
    assert {error for _, error in rows} == set(STATUSES) | of_caddy
    assert all(STATUSES[error] == int(status) for status, error in rows if error not in of_caddy)


def test_every_setting_is_explained() -> None:
    """Each environment variable that the gateway reads is a row of docs/settings.md, and no other is."""
    explained = set(re.findall(r"^\| *`(PROXY_[A-Z_]+)`", (DOCS / "settings.md").read_text(), re.MULTILINE))
    assert explained == {variable.name for variable in VARIABLES}


def test_every_setting_that_is_mentioned_exists() -> None:
    """No page, unit or Caddyfile names an environment variable of the gateway that there is not."""
    known = {variable.name for variable in VARIABLES}
    known |= {f"{variable.name}_FILE" for variable in VARIABLES if variable.secret} | {
        "PROXY_PG_BINDIR",
        "PROXY_TEST_FUZZ_SECONDS",
        "PROXY_TEST_FUZZ_SEED",
        "PROXY_TEST_PG_BINDIR",
    }
    for file in [*PAGES, ROOT / "Caddyfile", *(f for f in (ROOT / "systemd").rglob("*") if f.is_file())]:
        named = set(re.findall(r"\bPROXY_[A-Z_]*[A-Z]\b", file.read_text()))
        assert named <= known, name_of(file)


def test_example_environment_is_valid() -> None:
    """The settings that the unit and its example environment give are accepted as they stand."""
    lines = (ROOT / "systemd/environment.example").read_text().splitlines()
    environ = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    settings = load_settings(environ, serving=False)
    assert settings.control_url == environ["PROXY_CONTROL_URL"]


def test_every_event_is_explained() -> None:
    """Each event that the gateway may log is a row of docs/logs-and-metrics.md, and no other is."""
    told = {
        name
        for name, function in inspect.getmembers(events, inspect.isfunction)
        if function.__module__ == events.__name__ and not name.startswith("_")
    }
    page = (DOCS / "logs-and-metrics.md").read_text()
    told.add("server_message")  # what other libraries log: proxy.telemetry.lines
    told.remove("query_served")  # tells `request_served`, of a request that went as most do
    rows = re.findall(r"^\| `([a-z_]+)` \| (?:debug|info|warning|error|as given)\b", page, re.MULTILINE)
    assert sorted(rows) == sorted(told)


def names_of_metrics() -> set[str]:
    """Return the names of the gateway's metrics."""
    return {metric.name for metric in metrics.REGISTRY.collect()}


def test_every_metric_is_explained() -> None:
    """Each metric is named on docs/logs-and-metrics.md, and each that is named there exists."""
    page = (DOCS / "logs-and-metrics.md").read_text()
    named = {re.sub(r"_total$", "", name) for name in re.findall(r"`(database_proxy_[a-z_]+)`", page)}
    assert named == names_of_metrics()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_yaml_is_valid(page: Path) -> None:
    """Each YAML example can be read, and each that is a whole policy is one."""
    for block in blocks(page, "yaml"):
        document = yaml.safe_load(block)
        if isinstance(document, dict) and "tenant" in document:
            assert parse_policy(block, name_of(page)).tenant == document["tenant"]


def test_policy_of_the_readme_does_what_it_says() -> None:
    """The README has one whole policy, and vetting allows and denies by it what its own tests say."""
    (policy,) = [parse_policy(block, "README.md") for block in blocks(ROOT / "README.md", "yaml")]
    assert {test.expect for test in policy.tests} == {"allow", "deny"}
    for test in policy.tests:
        verdict = vet(test.sql, policy, test.role)
        assert isinstance(verdict, Allowed) == (test.expect == "allow")
        assert not isinstance(verdict, Denied) or verdict.rule == test.rule


@pytest.mark.parametrize(("page", "block"), all_blocks("json"))
def test_json_is_valid(page: str, block: str) -> None:
    """Each JSON example is JSON."""
    assert isinstance(json.loads(block), dict), page


def without_assignments(words: list[str]) -> list[str]:
    """Return a command's words without the environment variables that are set before it."""
    return list(itertools.dropwhile(lambda word: re.match(r"\w+=", word), words))


def commands(page: Path, program: str) -> Iterator[list[str]]:
    """Yield the words after `program` of each command line in a page's shell blocks."""
    for block in blocks(page, "bash", "sh", "console"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            stops = [i for i, word in enumerate(words) if word in {"|", ">", ">>", "&&", ";", "<"}]
            for start in (0, *(stop + 1 for stop in stops)):
                end = min([stop for stop in stops if stop >= start], default=len(words))
                part = without_assignments(words[start:end])
                if part[:2] == ["sudo", "-u"]:
                    part = without_assignments(part[3:])
                if part and Path(part[0]).name == Path(program).name:
                    yield part[1:]
                if part[:4] == ["./run", "python", "-m", "proxy"] and program == "database-proxy":
                    yield part[4:]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_are_understood(page: Path) -> None:
    """Every `database-proxy …` line on a page is one that the command line accepts."""
    for words in commands(page, "database-proxy"):
        parser = create_parser(words[0] if words else None)
        if {"--version", "--help"} & set(words):
            continue
        try:
            parser.parse_args(words)
        except SystemExit:
            pytest.fail(f"not understood: database-proxy {shlex.join(words)}")


def test_commands_of_the_readme_are_there() -> None:
    """Each `./run` command that the README names is one of the script's own."""
    run = ROOT / "run"
    assert os.access(run, os.X_OK)
    named = {words[0] for page in PAGES for words in commands(page, "./run") if words}
    assert {"demo", "test"} <= named
    answer = subprocess.run([run, "--help"], capture_output=True, text=True, check=True, timeout=60)
    for name in named:
        assert re.search(rf"^\s*(\./run )?{name}\b", answer.stdout, re.MULTILINE), name


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze, a part of systemd, is not on this machine"
)
@pytest.mark.parametrize(("page", "block"), all_blocks("ini"))
def test_drop_ins_verify(tmp_path: Path, page: str, block: str) -> None:
    """Each drop-in on a page is understood by systemd, beside the unit that it is for."""
    unit = tmp_path / "database-proxy.service"
    text = (ROOT / "systemd/database-proxy.service").read_text()
    unit.write_text(re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    drop_in = tmp_path / "database-proxy.service.d/override.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(block if "[Service]" in block else "[Service]\n" + block)
    answer = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False, timeout=60
    )
    assert answer.stdout + answer.stderr == "", page


def test_every_room_is_drawn() -> None:
    """Each package and module at the top of proxy/ stands in the architecture's drawing, and nothing else does."""
    (drawing,) = [block for block in blocks(DOCS / "architecture.md", "") if block.startswith("proxy/")]
    drawn = {name.removesuffix("/") for name in re.findall(r"\b\w+(?:\.py|/)", drawing.removeprefix("proxy/"))}
    entries = {entry.name for entry in (ROOT / "proxy").iterdir() if entry.suffix == ".py" or entry.is_dir()}
    # `rules/` is a folder of vetting that newcomers look for.
    assert drawn - {"rules"} == entries - {"__init__.py", "__pycache__"}


def test_glossary_is_in_order() -> None:
    """The glossary's words stand in alphabetical order, each once."""
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", (DOCS / "glossary.md").read_text(), re.MULTILINE)
    assert len(words) > 20
    assert words == sorted(set(words), key=str.lower)


def test_pages_are_read_as_a_reader_reads_them() -> None:
    """The checks above find what they look for: links, commands and examples are there in numbers."""
    assert sum(len(links(page)) for page in PAGES) >= 80
    assert sum(1 for page in PAGES for _ in commands(page, "database-proxy")) >= 16
    assert min(len(all_blocks(language)) for language in ("yaml", "json", "ini")) >= 3
