"""The benchmark harness's own arithmetic: what programs print → numbers → tables and a picture."""

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import pytest

from benchmarks.__main__ import is_whole, parse_arguments
from benchmarks.contestants import CONTESTANTS, Sample
from benchmarks.contestants.over_http import compare
from benchmarks.contestants.pgbench import read_log
from benchmarks.load import Load, Request, parse_load, percentile
from benchmarks.measure import rotated
from benchmarks.plot import to_svg
from benchmarks.processes import BenchFailed
from benchmarks.report import Circumstances, Results, put_into, section, to_json, to_markdown
from benchmarks.summary import USERS_EXPRESS, Run, summarize
from benchmarks.workloads import WORKLOADS

PGBENCH = """\
pgbench (18.6)
transaction type: W1.sql
number of transactions actually processed: 9000
number of failed transactions: 2 (0.022%)
latency average = 0.276 ms
initial connection time = 14.020 ms
tps = 3000.000000 (without initial connection time)
"""


def sample(rate: float, p99_ms: float = 2.0, *, errors: int = 0) -> Sample:
    """Make a run of two seconds."""
    return Sample(Load(int(rate * 2), errors, 2.0, p99_ms / 2, p99_ms), cpu_s=1.0, memory_bytes=50 * 2**20)


def run(contestant: str, rate: float, number: int = 1, **more: Any) -> Run:
    """Make a run of W1 on one core."""
    return Run("one", "W1", contestant, number, sample(rate, **more))


def results(*runs: Run) -> Results:
    """Make the results of a contest, in which everybody is held to each Express that ran."""
    titles = {
        "one": "One process",
        "W1": "a point read",
        "database-proxy": "**database-proxy**",
        "express-node18": "Express, Node 18",
        "express-node22": "Express, Node 22",
        "express": "Express, Node 24",
    }
    circumstances = Circumstances("2025-11-21", "./run bench", {"cores": "2"}, "One round.")
    ran = {run.contestant for run in runs}
    references = {name: title[-7:] for name, title in titles.items() if name.startswith("express") and name in ran}
    return Results(circumstances, titles, {}, {"PostgREST": "no"}, references, runs)


def test_a_generator_is_read_by_its_last_line() -> None:
    """What a generator says before its JSON does not matter."""
    line = '{"requests": 10, "errors": 1, "seconds": 2.5, "p50_ms": 0.1, "p99_ms": 0.9}'
    assert parse_load(f"Running 2s test\n  1 threads\n\n{line}\n") == Load(10, 1, 2.5, 0.1, 0.9)


@pytest.mark.parametrize("output", ["", "unable to connect", '{"requests": 10}'])
def test_generator_without_numbers_is_a_failure(output: str) -> None:
    """Nothing is made up where a generator did not come to its end."""
    with pytest.raises(BenchFailed):
        parse_load(output)


def test_pgbench_is_read_by_its_counts_and_its_log() -> None:
    """Requests and errors are what pgbench prints; percentiles come from the log's microseconds."""
    lines = [f"{client} 0 {client * 100} 0 1700000000 5" for client in range(1, 101)]
    assert read_log(PGBENCH, lines) == Load(9000, 2, 3.0, 5.1, 10.0)


def test_pgbench_without_numbers_is_a_failure() -> None:
    """A pgbench that could not connect prints no rate."""
    with pytest.raises(BenchFailed, match="no numbers"):
        read_log("pgbench: error: connection failed", [])


def test_percentile_of_ordered_values() -> None:
    """The value that so many percent of the values do not reach."""
    assert percentile([1.0, 2.0, 3.0, 4.0], 50) == 3.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 99) == 4.0
    assert percentile([], 50) == 0.0


def test_requests_are_whole_http() -> None:
    """A request's text has the length of its body in bytes, and ends with it."""
    raw = Request("/query", {"Authorization": "Bearer x"}, '{"sql": "SELECT 1"}').raw()
    head, _, body = raw.partition("\r\n\r\n")
    assert head.splitlines() == [
        "POST /query HTTP/1.1",
        "Host: 127.0.0.1",
        "Authorization: Bearer x",
        "Content-Length: 19",
    ]
    assert body == '{"sql": "SELECT 1"}'


def test_order_moves_on_with_each_round() -> None:
    """Nobody always runs after the same one's warm caches, nor always first."""
    assert [rotated("abc", number) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]


def test_ratios_are_taken_within_a_round() -> None:
    """A slow minute slows both: the ratio is the median of the rounds' ratios, not the ratio of the medians."""
    rounds = [(300, 100), (30, 10), (500, 100)]
    runs = [
        run(name, rate, number)
        for number, pair in enumerate(rounds)
        for name, rate in zip(("database-proxy", "express"), pair, strict=True)
    ]
    cell = summarize(runs, ["express"])["one", "W1", "database-proxy"]
    assert (cell.rate, cell.ratios) == (300, {"express": 3.0})


def test_a_cell_counts_processor_time_for_one_request() -> None:
    """One second of processor time for 200 requests is 5,000 µs each."""
    cell = summarize([run("express", 100)], ["express"])["one", "W1", "express"]
    assert (cell.cpu_us, cell.memory_mib) == (5000, 50)
    assert (cell.ratios, cell.p99_ratios) == ({"express": 1.0}, {"express": 1.0})


def test_what_was_not_measured_is_left_open() -> None:
    """Without a reference's run there is no ratio to it, and pgbench has no memory to tell."""
    only = replace(run("pgbench", 100), sample=Sample(Load(200, 0, 2.0, 1.0, 2.0), None, None))
    cell = summarize([only], ["express"])["one", "W1", "pgbench"]
    assert (cell.ratios, cell.p99_ratios) == ({"express": None}, {"express": None})
    assert (cell.cpu_us, cell.memory_mib) == (None, None)


def test_table_has_a_row_for_each_contestant_and_for_who_is_absent() -> None:
    """The table shows who ran, in the order of the titles, and says why somebody did not."""
    lines = to_markdown(results(run("express", 100), run("database-proxy", 450, p99_ms=1.0)), "results.svg")
    rows = [line for line in lines if line.startswith("| ")]
    assert rows == [
        "| requests/s, times Express on Node 24 | W1 |",
        "| **database-proxy** | 4.50 |",
        "| Express, Node 24 | 1.00 |",
        "| | requests/s | times Node 24 | p50 ms | p99 ms | p99, times Node 24 | CPU µs a request | memory MiB |",
        "| **database-proxy** | 450 | 4.50 | 0.50 | 1.00 | 0.50 | 1,111 | 50 |",
        "| Express, Node 24 | 100 | 1.00 | 1.00 | 2.00 | 1.00 | 5,000 | 50 |",
        "| PostgREST | no | | | | | | |",
    ]
    assert lines[0] == "Made on 2025-11-21 by `./run bench`. One round."
    assert not any("errors" in line for line in lines)


def test_every_express_is_held_to() -> None:
    """Of several, the one that users have is what the summary is about; each row is held to each."""
    nodes = [run("express-node18", 90), run("express-node22", 100, p99_ms=4.0), run("express", 300)]
    lines = to_markdown(results(*nodes, run("database-proxy", 450)))
    rows = [line for line in lines if line.startswith("| ") and "PostgREST" not in line]
    times = "times Node 18 | times Node 22 | times Node 24"
    assert rows == [
        "| requests/s, times Express on Node 22 | W1 |",
        "| **database-proxy** | 4.50 |",
        "| Express, Node 18 | 0.90 |",
        "| Express, Node 22 | 1.00 |",
        "| Express, Node 24 | 3.00 |",
        "| **database-proxy**, requests/s | W1 |",
        "| times Express on Node 18 | 5.00 |",
        "| times Express on Node 22 | 4.50 |",
        "| times Express on Node 24 | 1.50 |",
        f"| | requests/s | {times} | p50 ms | p99 ms | p99, times Node 22 | CPU µs a request | memory MiB |",
        "| **database-proxy** | 450 | 5.00 | 4.50 | 1.50 | 1.00 | 2.00 | 0.50 | 1,111 | 50 |",
        "| Express, Node 18 | 90 | 1.00 | 0.90 | 0.30 | 1.00 | 2.00 | 0.50 | 5,556 | 50 |",
        "| Express, Node 22 | 100 | 1.11 | 1.00 | 0.33 | 2.00 | 4.00 | 1.00 | 5,000 | 50 |",
        "| Express, Node 24 | 300 | 3.33 | 3.00 | 1.00 | 1.00 | 2.00 | 0.50 | 1,667 | 50 |",
    ]


def test_without_an_express_there_are_no_ratios() -> None:
    """The gateway alone is held to nobody: its table has the numbers, its picture a bar."""
    alone = results(run("database-proxy", 450))
    head, row = (line for line in to_markdown(alone) if line.startswith("| ") and "PostgREST" not in line)
    assert head == "| | requests/s | p50 ms | p99 ms | CPU µs a request | memory MiB |"
    assert row == "| **database-proxy** | 450 | 1.00 | 2.00 | 1,111 | 50 |"
    assert "450, 2.0 ms" in to_svg(alone)


def test_errors_are_told_in_the_page() -> None:
    """A run with answers that were no good is named, since its numbers mean little."""
    failed = results(run("express", 100, errors=3))
    assert failed.errors()
    assert "**express, W1, round 1: 3 errors.**" in to_markdown(failed)


def test_section_takes_the_place_of_the_old_one() -> None:
    """The page's own words around the results are kept."""
    page = f"before\n{section('results', ['old'])}\nbetween\n{section('scale', ['kept'])}\nafter\n"
    assert put_into(page, "results", ["new"]) == page.replace("old", "new")
    with pytest.raises(ValueError, match="has no"):
        put_into("no place", "results", ["new"])


def test_every_run_is_written_down() -> None:
    """The JSON holds the raw numbers of each run."""
    written = orjson.loads(to_json(results(run("express", 100))))
    assert written["runs"][0]["sample"]["load"]["requests"] == 200


def test_picture_has_a_bar_for_each_contestant() -> None:
    """The longest bar is the fastest, and the file is whole XML."""
    root = ET.fromstring(to_svg(results(run("express", 100), run("database-proxy", 400))))  # noqa: S314 - our own text
    background, *bars = [rect.attrib["width"] for rect in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert background == "100%"
    first, second = map(float, bars)
    assert first == pytest.approx(4 * second, rel=0.01)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"rows": [{"id": 1}], "rowCount": 1}, None),
        ({"rows": [{"id": 1}], "rowCount": 2}, "rowCount is 2, not 1"),
        ({"rows": [], "rowCount": 1}, "0 rows, not 1"),
        ({"rows": [{"id": "1"}], "rowCount": 1}, "row 0 is {'id': '1'}, not {'id': 1}"),
    ],
)
def test_an_answer_is_held_to_what_postgresql_has(answer: Any, fault: str | None) -> None:
    """A contestant that answers something else is not measured."""
    assert compare(answer, [{"id": 1}], 1) == fault


def test_parameters_are_the_same_in_every_run() -> None:
    """Each draws all different ones: connections do not wait for each other's rows."""
    first, second = (WORKLOADS["W3"].parameters() for _ in range(2))
    assert first == second
    assert len({parameters[0] for parameters in first}) == len(first)


def test_pgbench_runs_the_same_statement() -> None:
    """Only its parameter is pgbench's own."""
    assert WORKLOADS["W3"].pgbench_script() == (
        "\\set id random(1, 10000)\nUPDATE counters SET hits = hits + 1 WHERE id = :id;\n"
    )


def test_a_short_contest_has_fewer_contestants() -> None:
    """Unless it is told which; the Express that users have, and the newest, are among them."""
    assert {"database-proxy", USERS_EXPRESS, "express"} < set(parse_arguments(["--quick"]).contestants) < {*CONTESTANTS}
    assert parse_arguments(["--quick", "--contestants", "bun"]).contestants == ["bun"]


@pytest.mark.parametrize(
    ("words", "whole"), [([], True), (["--quick"], False), (["--workloads", "W1"], False), (["--rounds", "9"], True)]
)
def test_only_the_whole_contest_is_published(words: list[str], whole: bool) -> None:
    """A look at a part of it does not overwrite the page."""
    assert is_whole(parse_arguments(words)) is whole


def test_an_unknown_name_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """It says which names there are."""
    with pytest.raises(SystemExit, match="2"):
        parse_arguments(["--workloads", "W1,W9"])
    assert "there is no W9; there are W1, W2, W3, W4" in capsys.readouterr().err
