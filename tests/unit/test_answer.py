"""Answers read as they arrive, in whatever pieces, and the link that reads them, fed by hand."""

import asyncio
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from server_messages import BIND_COMPLETE, READY, complete, error, message, row

from proxy.database.answer import Answer
from proxy.database.link import Link
from proxy.database.rows import row_reader

TEXTS = row_reader((25, 25))
ROWS = [row([b"a", None]), row([b"", b"b" * 300])]
# A command before the statement, as settings are set, and what PostgreSQL may say at any time.
USUAL = (
    message(b"1")
    + BIND_COMPLETE
    + complete(b"SET")
    + BIND_COMPLETE
    + message(b"N", b"SNOTICE\0\0")
    + b"".join(ROWS)
    + complete(b"SELECT 2")
    + READY
)


def fed(data: bytes, *steps: int, answer: Answer | None = None) -> Answer:
    """Feed an answer in pieces of these sizes, over and over."""
    answer = answer or Answer(TEXTS)
    at = number = 0
    while at < len(data):
        step = steps[number % len(steps)] if steps else len(data)
        assert answer.feed(data[at : at + step]) == b""
        at, number = at + step, number + 1
    return answer


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_an_answer_may_come_in_any_pieces(steps: list[int]) -> None:
    """Its rows, the last command's tag, how many bytes it had, and that it is over."""
    answer = fed(USUAL, *steps)
    assert [[*values] for values in answer.rows] == [["a", None], ["", "b" * 300]]
    assert (answer.tag, answer.received, answer.done, answer.error) == (b"SELECT 2", len(USUAL), True, None)
    assert (answer.in_transaction, answer.unsettled, answer.over) == (False, False, None)


def test_one_large_value_is_not_copied_with_each_piece() -> None:
    """It is put together once all of it is here: until then, the pieces are the very ones that came."""
    value = b"x" * 1_000_000
    data = row([value, None])
    answer = Answer(TEXTS)
    pieces = [data[at : at + 10_000] for at in range(0, len(data), 10_000)]
    for piece in pieces[:-1]:
        answer.feed(piece)
    assert all(kept is piece for kept, piece in zip(answer._pieces[1:], pieces[1:-1], strict=True))
    answer.feed(pieces[-1] + complete(b"SELECT 1") + READY)
    assert [[*values] for values in answer.rows] == [[value.decode(), None]]
    assert answer._pieces == []


def test_an_error_is_raised_once_it_is_over() -> None:
    """What PostgreSQL reported, after it said that it is ready; in a transaction block that it says is still there."""
    answer = fed(ROWS[0] + error("22012", "division by zero") + message(b"Z", b"E"), 7)
    assert (answer.done, answer.in_transaction) == (True, True)
    with pytest.raises(asyncpg.DivisionByZeroError, match="division by zero"):
        answer.check()
    answer.check()  # told once


def test_rows_that_cannot_be_read_do_not_hide_the_end() -> None:
    """What became of the statement is known, and why it has no rows."""
    answer = fed(row([b"\xff", None]) + ROWS[0] * 3 + complete(b"SELECT 4") + READY)
    assert (answer.tag, answer.done) == (b"SELECT 4", True)
    with pytest.raises(UnicodeDecodeError):
        answer.check()


def test_description_is_kept_for_whoever_asked() -> None:
    """The bodies of what describes parameters and columns."""
    answer = fed(message(b"1") + message(b"t", b"\0\0") + message(b"T", b"\0\0") + READY)
    assert (answer.parameters, answer.description) == (b"\0\0", b"\0\0")
    assert fed(message(b"t", b"\0\0") + message(b"n") + READY).description == b""


def test_a_setting_that_changes_is_noticed() -> None:
    """PostgreSQL reports those that values' texts depend on."""
    assert fed(complete(b"SELECT 1") + message(b"S", b"TimeZone\0Europe/Berlin\0") + READY).unsettled


def test_what_comes_after_the_end_is_handed_back() -> None:
    """It is no part of the answer."""
    notification = message(b"A", b"\0\0\0\x01c\0p\0")
    assert Answer(TEXTS).feed(USUAL + notification) == notification


@pytest.mark.parametrize("kind", [b"G", b"H", b"W", b"d", b"R", b"?"])
def test_what_nobody_asked_for_is_no_answer(kind: bytes) -> None:
    """COPY's messages among it: the connection cannot be trusted any more."""
    with pytest.raises(ValueError, match="nobody asked for"):
        Answer(TEXTS).feed(message(kind, b"\0\0\0"))


def test_a_row_too_short_to_be_one_is_no_answer() -> None:
    """It is not looked at for ever."""
    for after in (b"", USUAL):
        with pytest.raises(ValueError, match=r"cannot be one|columns"):
            Answer(TEXTS).feed(message(b"D") + after)


# Limits.


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=5), st.integers(1, 3_000))
def test_bytes_are_limited_to_the_byte(steps: list[int], size: int) -> None:
    """As many as allowed pass, one fewer does not, in whatever pieces; nothing is kept of what was too much."""
    data = row([b"x" * size, None]) * 3 + complete(b"SELECT 3") + READY
    assert fed(data, *steps, answer=Answer(TEXTS, max_bytes=len(data))).done
    cut = fed(data, *steps, answer=Answer(TEXTS, max_bytes=len(data) - 1))
    assert (cut.over, cut.done, cut.rows, cut._pieces) == ("bytes", False, [], [])


@pytest.mark.parametrize(("rows", "over"), [(1_000, None), (1_001, None), (100_000, "rows")])
def test_rows_are_limited_where_there_are_many_bytes(rows: int, over: str | None) -> None:
    """A small answer is read to its end, however many rows it has: that is cheaper than another connection."""
    data = row([b"a", None]) * rows + complete(b"SELECT") + READY
    answer = fed(data, 60_000, answer=Answer(TEXTS, max_rows=1_000)) if over is None else Answer(TEXTS, max_rows=1_000)
    at = 0
    while not (answer.done or answer.over):
        answer.feed(data[at : at + 60_000])
        at += 60_000
    assert answer.over == over
    assert len(answer.rows) == (0 if over else rows)
    assert at <= 180_000


# The link.


class Wire:
    """Stands in for the transport and for the driver at once."""

    def __init__(self) -> None:
        self.received = b""
        self.written = b""
        self.aborted = False
        self.reading = True
        self.closing = False
        self.lost: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        """Keep what was passed on."""
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep it."""
        self.lost.append(exc)

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.written += data

    def pause_reading(self) -> None:
        """Read no more."""
        self.reading = False

    def resume_reading(self) -> None:
        """Read on; what is closing must not be asked to."""
        assert not self.closing
        self.reading = True

    def is_closing(self) -> bool:
        """Say whether the connection is at its end."""
        return self.closing

    def abort(self) -> None:
        """Note that the connection was cut."""
        self.aborted = True


def sent(wire: Wire, **limits: Any) -> tuple[Link, Answer, list[bool]]:
    """Send something on a new link; the list has an entry for each time that somebody was told."""
    link, answer, told = Link(wire, wire), Answer(TEXTS, **limits), []
    link.send(b"messages", answer)
    answer.when_done(lambda: told.append(answer.done))
    return link, answer, told


def test_the_driver_gets_what_is_no_answer() -> None:
    """Before an answer, after it, and what came along behind it."""
    wire = Wire()
    link, answer, told = sent(wire)
    link.data_received(USUAL + b"after")
    assert (wire.written, wire.received, told, len(answer.rows)) == (b"messages", b"after", [True], 2)
    link.data_received(b" and later")
    assert (wire.received, link.answer) == (b"after and later", None)


def test_who_asks_late_is_told_at_once() -> None:
    """And who wants to be told no more is not."""
    link, answer, told = sent(Wire())
    answer.when_done(None)
    link.data_received(USUAL)
    assert told == []
    answer.when_done(lambda: told.append(True))
    assert told == [True]


@pytest.mark.parametrize("limits", [{"max_bytes": 10}, {"max_rows": 3}])
def test_answer_over_a_limit_cuts_the_connection(limits: dict[str, int]) -> None:
    """Nothing that comes after is looked at, and whoever waits is told once the connection is gone."""
    wire = Wire()
    link, answer, told = sent(wire, **limits)
    link.data_received(ROWS[1] * 1_000)
    link.data_received(USUAL)
    assert (wire.aborted, told, link.cut) == (True, [], True)
    assert answer.over == ("bytes" if "max_bytes" in limits else "rows")
    link.connection_lost(None)
    assert told == [True]
    assert (wire.lost, link.lost, answer.unsettled) == ([None], True, True)
    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        answer.check()


def test_last_word_before_the_end_is_the_cause() -> None:
    """A FATAL error, and then nothing."""
    link, answer, _ = sent(Wire())
    link.data_received(error("57P01", "terminating connection due to administrator command"))
    assert not answer.done
    link.connection_lost(ConnectionResetError())
    with pytest.raises(asyncpg.ConnectionDoesNotExistError) as lost:
        answer.check()
    assert isinstance(lost.value.__cause__, asyncpg.AdminShutdownError)


def test_what_cannot_be_understood_ends_the_connection() -> None:
    """And why is the cause of what whoever waits is told."""
    wire = Wire()
    link, answer, _ = sent(wire)
    link.data_received(message(b"G", b"\0\0\0"))
    assert wire.aborted
    link.data_received(USUAL)
    assert answer.rows == []
    link.connection_lost(None)
    with pytest.raises(asyncpg.ConnectionDoesNotExistError) as lost:
        answer.check()
    assert isinstance(lost.value.__cause__, ValueError)


def test_nothing_is_sent_on_what_is_gone() -> None:
    """The answer says so at once."""
    wire = Wire()
    link = Link(wire, wire)
    link.connection_lost(None)
    answer = Answer(TEXTS)
    link.send(b"messages", answer)
    assert (wire.written, answer.done) == (b"", True)
    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        answer.check()


async def test_a_large_answer_is_read_in_turns() -> None:
    """However much is there to read, the loop gets to others after half a megabyte, and then reads on."""
    wire, piece = Wire(), row([b"x" * 240, None]) * 1_000
    link, answer, _ = sent(wire)
    turns = 0
    for _ in range(20):
        link.data_received(piece)
        if not wire.reading:
            turns += 1
            await asyncio.sleep(0)
            assert wire.reading
    assert turns == 20 * len(piece) // (512 * 1024 + len(piece))
    assert len(answer.rows) == 20_000


async def test_a_connection_that_ended_meanwhile_is_left_alone() -> None:
    """Reading is not taken up again where nothing can come."""
    wire = Wire()
    link, _, _ = sent(wire)
    link.data_received(row([b"x" * 600, None]) * 1_000)
    wire.closing = True
    await asyncio.sleep(0)
    assert not wire.reading
