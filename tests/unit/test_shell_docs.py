"""The pages on errors, logs and metrics name what there is: nothing is missing, nothing is made up."""

import inspect
import re
from pathlib import Path

from proxy.telemetry import events, metrics
from proxy.wire.query import _NAMES, MAX_DEPTH
from proxy.wire.statuses import STATUSES

DOCS = Path(__file__).parents[2] / "docs"


def table_words(page: str, column: int = 0) -> list[str]:
    """Return the quoted words in a column of every table of a page."""
    rows = [line.split("|")[1:-1] for line in (DOCS / page).read_text().splitlines() if line.startswith("| ")]
    return [word for row in rows if column < len(row) for word in re.findall(r"`([^`]+)`", row[column])]


def test_every_error_is_documented_with_its_status() -> None:
    """Each slug has one line with its status."""
    section = (DOCS / "errors.md").read_text().partition("## By code")[2].partition("## From Caddy")[0]
    rows = re.findall(r"^\| (\d{3}) \| `([a-z-]+)` \|", section, re.MULTILINE)
    assert {error: int(status) for status, error in rows} == dict(STATUSES)


def test_every_event_is_documented() -> None:
    """Each event has a line, and each line an event."""
    text = (DOCS / "logs-and-metrics.md").read_text()
    section = text[text.index("### Other events") : text.index("## The admin address")]
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE))
    functions = inspect.getmembers(events, inspect.isfunction)
    there_are = {name for name, function in functions if function.__module__ == events.__name__}
    # `query_served` is a shorter way to the line of `request_served`.
    assert documented == (there_are - {"query_served"}) | {"server_message"}


def test_every_field_of_a_requests_line_is_documented() -> None:
    """The page explains what `request_served` writes."""
    written = events._RequestServed.__struct_fields__
    assert written[:3] == ("time", "level", "event")
    assert set(written[3:]) <= set(table_words("logs-and-metrics.md"))


def test_every_metric_is_documented() -> None:
    """Each metric that can be read is on the page, and no other."""
    exposed = {family.name + ("_total" if family.type == "counter" else "") for family in metrics.REGISTRY.collect()}
    documented = {word for word in table_words("logs-and-metrics.md") if word.startswith("database_proxy_")}
    assert documented == exposed


def test_every_key_of_a_query_is_documented() -> None:
    """The page names the body's keys, and the depth to which it may be nested."""
    assert set(_NAMES) <= set(table_words("http.md") + table_words("http.md", 1))
    assert f"nested {MAX_DEPTH} levels" in (DOCS / "http.md").read_text()
