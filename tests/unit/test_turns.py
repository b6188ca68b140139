"""Whose turn it is."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from proxy.admission.turns import Turns


def drain(turns: Turns[str]) -> list[str]:
    """Serve everything there is."""
    served = []
    while turn := turns.next():
        served.append(turn[1])
    return served


def test_lines_take_turns() -> None:
    """A long line does not hold up a short one."""
    turns: Turns[str] = Turns(limit=10)
    for item in ("a1", "a2", "a3", "b1", "c1", "c2"):
        assert turns.add(item[0], item)
    assert drain(turns) == ["a1", "b1", "c1", "a2", "c2", "a3"]


def test_full_line_takes_no_more_and_others_do() -> None:
    """The bound is each line's own."""
    turns: Turns[str] = Turns(limit=2)
    assert [turns.add("a", f"a{i}") for i in range(3)] == [True, True, False]
    assert turns.add("b", "b1")
    turns.next()
    assert turns.add("a", "a3")


def test_who_leaves_is_not_served() -> None:
    """An item that is taken out of its line is gone, a line without items too; one that was served is no fault."""
    turns: Turns[str] = Turns(limit=3)
    for item in ("a1", "a2", "b1"):
        turns.add(item[0], item)
    turns.remove("a", "a1")
    turns.remove("b", "b1")
    turns.remove("b", "b1")
    turns.remove("stranger", "x")
    assert drain(turns) == ["a2"]


@given(st.lists(st.tuples(st.sampled_from("aaab"), st.booleans()), max_size=60))
def test_nobody_waits_for_more_than_one_of_each_other_line(steps: list[tuple[str, bool]]) -> None:
    """Of each line the order holds, and the first of a line waits for at most one item of any other."""
    turns: Turns[int] = Turns(limit=100)
    lines: dict[str, deque[int]] = {"a": deque(), "b": deque()}
    passed_over = {"a": 0, "b": 0}
    for number, (name, arrives) in enumerate(steps):
        if arrives:
            assert turns.add(name, number)
            lines[name].append(number)
            continue
        turn = turns.next()
        if turn is None:
            assert not any(lines.values())
            continue
        served, other = turn[0], "ab"[turn[0] == "a"]
        assert lines[served].popleft() == turn[1]
        passed_over[served] = 0
        passed_over[other] = passed_over[other] + 1 if lines[other] else 0
        assert passed_over[other] <= 1
