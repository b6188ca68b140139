"""The benchmark harness, from outside: a second of one workload against the gateway alone."""

import subprocess
import sys
from pathlib import Path

import orjson

ROOT = Path(__file__).resolve().parents[2]


def test_bench_measures_the_gateway(tmp_path: Path) -> None:
    """It starts everything, holds the answers to PostgreSQL's, measures, and leaves a table and the raw numbers."""
    one = ["--contestants", "database-proxy", "--workloads", "W1", "--modes", "one", "--quick", "--own-load"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *one, "--output", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| **database-proxy** |" in done.stdout
    assert "times Node" not in done.stdout  # there is no Express to hold it to
    written = orjson.loads((tmp_path / "results.json").read_bytes())
    (run,) = written["runs"]
    assert (run["workload"], run["contestant"], run["sample"]["load"]["errors"]) == ("W1", "database-proxy", 0)
    assert run["sample"]["load"]["requests"] > 0
    assert run["sample"]["cpu_s"] > 0
