"""The page about new statements: what it says of numbers, and what it sends."""

import os
from subprocess import run
from sys import executable

import pytest

from benchmarks.machine import going_first
from benchmarks.misses import CATALOG, LONG, POLICY, SHORT, Misses, Round, VerdictCost, bomb, to_markdown
from proxy.vetting import vet
from proxy.vetting.verdict import Allowed, Denied


def test_texts_are_what_the_page_says() -> None:
    """About 200 bytes and 5 KB, allowed; and one that is judged to the end, and denied."""
    assert (150 < len(SHORT) < 250, 4_500 < len(LONG) < 5_500) == (True, True)
    assert all(isinstance(vet(sql, POLICY, "default", CATALOG), Allowed) for sql in (SHORT, LONG))
    verdict = vet(bomb(1), POLICY, "default", CATALOG)
    assert isinstance(verdict, Denied)
    assert verdict.rule == "table-granted"


def test_ratio_is_of_each_round() -> None:
    """The median of the rounds' own ratios, whatever the rounds' times are."""
    calm_and_attacked = [(1.0, 2.0), (10.0, 11.0), (1.0, 1.0)]
    rounds = [Round(0.5, calm, 0.5, attacked, {403: 7}) for calm, attacked in calm_and_attacked]
    lines = to_markdown(Misses([VerdictCost(206, 0.5, 0.7, 1.0, 0.9)], 21_000, 94.0, 300.0, rounds))
    assert lines[-1] == "Median over the rounds: 1.10 times the calm p99."
    assert "| 206 bytes | 0.50 | 0.70 | 1.00 | 0.90 |" in lines
    assert "| 2 | 0.50 | 10.00 | 0.50 | 11.00 | 1.10 | 7 with 403 |" in lines


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="Linux alone has these policies")
def test_who_measures_goes_first_where_it_may() -> None:
    """It alone, for as long as it measures; where it may not, it measures all the same."""
    print_policy = [executable, "-c", "import os; print(os.sched_getscheduler(0))"]

    def measure_in_vain() -> None:
        with going_first():
            own = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
            child = run(print_policy, capture_output=True, text=True, check=True)
            assert own in (os.SCHED_RR, os.SCHED_OTHER)  # a container may keep it from root, too
            assert int(child.stdout) == os.SCHED_OTHER
            raise OSError("on the way")

    with pytest.raises(OSError, match="on the way"):
        measure_in_vain()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
