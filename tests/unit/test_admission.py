"""Whether a request may start now."""

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.admission.queue import WAITING_PER_CONNECTION, Queue
from proxy.admission.rate import Rate


def test_burst_is_let_through_and_no_more() -> None:
    """A full bucket serves its burst at once; the next must wait."""
    rate = Rate(per_s=10, burst=3)
    assert [rate.take(100.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert rate.take(100.0) == pytest.approx(0.1)


def test_waiting_as_told_is_enough() -> None:
    """After the time that it names, one more is let through."""
    rate = Rate(per_s=2, burst=1)
    rate.take(0.0)
    wait_s = rate.take(0.0)
    assert rate.take(wait_s + 1e-9) == 0.0


def test_refused_requests_cost_nothing() -> None:
    """Asking too often does not push the moment further away."""
    rate = Rate(per_s=1, burst=1)
    rate.take(0.0)
    for _ in range(100):
        rate.take(0.5)
    assert rate.take(1.0) == 0.0


def test_rest_never_saves_up_more_than_the_burst() -> None:
    """A day of silence is worth one burst."""
    rate = Rate(per_s=10, burst=5)
    rate.take(0.0)
    assert [rate.take(86_400.0) for _ in range(6)].count(0.0) == 5


@given(st.floats(0.1, 100), st.integers(1, 50), st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_no_more_than_rate_and_burst_in_any_time(per_s: float, burst: int, pauses: list[float]) -> None:
    """Whatever the pattern, no more is let through than the burst and what the time since has brought."""
    rate, now_s, admitted = Rate(per_s, burst), 0.0, 0
    for pause in pauses:
        now_s += pause
        admitted += rate.take(now_s) == 0.0
    assert admitted <= burst + now_s * per_s + 1e-6


def test_queue_is_full_at_its_limit_and_not_before() -> None:
    """What a tenant's connections can work off in a while may wait; more may not."""
    queue = Queue(connections=2)
    limit = 2 * (1 + WAITING_PER_CONNECTION)
    with ExitStack() as inside:
        for _ in range(limit - 1):
            inside.enter_context(queue)
        assert not queue.full
        with queue:
            assert queue.full
        assert not queue.full
    assert queue.inside == 0
