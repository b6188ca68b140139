"""The meter between transport and asyncpg, fed by hand."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.database.meter import Meter


class Wire:
    """Stands in for the transport and for asyncpg at once."""

    def __init__(self) -> None:
        self.received = b""
        self.aborted = False
        self.reading = True
        self.closing = False

    def data_received(self, data: bytes) -> None:
        """Keep what the meter passed on."""
        self.received += data

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
        """Note that the meter cut the connection."""
        self.aborted = True


def meter_of(wire: Wire, max_bytes: int, max_rows: int) -> Meter:
    """Return a meter with limits set."""
    meter = Meter(wire, wire)
    meter.start(max_bytes, max_rows)
    return meter


def rows(count: int, size: int = 10) -> bytes:
    """Return that many DataRow messages."""
    return (b"D" + (size + 4).to_bytes(4, "big") + b"D" * size) * count


def test_an_answer_within_its_limits_passes() -> None:
    """Byte for byte, up to the limit itself."""
    wire = Wire()
    data = rows(100)
    meter_of(wire, len(data), 100).data_received(data)
    assert (wire.received, wire.aborted) == (data, False)


def test_one_byte_more_cuts_the_connection() -> None:
    """The chunk that passes the limit is not passed on, nor is anything after it."""
    wire = Wire()
    meter = meter_of(wire, 10, 100)
    meter.data_received(b"12345")
    meter.data_received(b"678901")
    meter.data_received(b"x")
    assert (wire.received, wire.aborted, meter.tripped) == (b"12345", True, "bytes")


def test_few_bytes_are_not_walked() -> None:
    """A small answer with too many rows passes: whoever gets its rows counts them."""
    wire = Wire()
    meter_of(wire, 1 << 20, 5).data_received(rows(100))
    assert not wire.aborted


@given(st.lists(st.integers(100, 40_000), min_size=1, max_size=8), st.integers(2, 200))
def test_rows_are_counted_across_any_cuts(cuts: list[int], size: int) -> None:
    """However the stream is cut into chunks, the limit itself passes and one row more does not."""
    many = 80_000 // (size + 5) + 2
    data = rows(many, size)
    for limit, trips in ((many, False), (many - 1, True)):
        wire = Wire()
        meter = meter_of(wire, 1 << 30, limit)
        at = 0
        while at < len(data):
            step = cuts[at % len(cuts)]
            meter.data_received(data[at : at + step])
            at += step
        assert wire.aborted is trips
        assert (meter.tripped == "rows") is trips


@pytest.mark.parametrize("size", [2, 100, 3_000])
@pytest.mark.parametrize("step", [40_000, 262_144])
async def test_rows_of_a_large_answer_are_counted(size: int, step: int) -> None:
    """Also where most of it could be kept unwalked for long."""
    many = 3_000_000 // (size + 5)
    data = rows(many, size)
    for limit, trips in ((many, False), (many - 1, True), (many // 3, True)):
        wire = Wire()
        meter = meter_of(wire, 1 << 30, limit)
        for at in range(0, len(data), step):
            meter.data_received(data[at : at + step])
        assert (meter.tripped == "rows") is trips
        # What was passed on before the cut had no more rows than are allowed.
        assert len(wire.received) // (size + 5) <= limit


async def test_without_limits_all_passes() -> None:
    """What is not a tenant's answer is not measured."""
    wire = Wire()
    meter = meter_of(wire, 10, 1)
    meter.stop()
    meter.data_received(rows(50_000))
    assert not wire.aborted


async def test_a_large_answer_is_read_in_turns() -> None:
    """However much is there to read, the loop gets to others after half a megabyte, and then reads on."""
    wire, piece = Wire(), rows(1_000, 250)
    meter = meter_of(wire, 1 << 30, 1_000_000)
    turns = 0
    for _ in range(20):
        meter.data_received(piece)
        if not wire.reading:
            turns += 1
            await asyncio.sleep(0)
            assert wire.reading
    assert turns == 20 * len(piece) // (512 * 1024 + len(piece))
    assert wire.received == piece * 20


def test_what_was_kept_goes_with_the_answer() -> None:
    """An idle connection holds nothing of its last answer."""
    meter = meter_of(Wire(), 1 << 30, 1_000_000)
    meter.data_received(rows(1_000, 100))
    assert meter._unwalked
    meter.stop()
    assert not meter._unwalked


async def test_a_connection_that_ended_meanwhile_is_left_alone() -> None:
    """Reading is not taken up again where nothing can come."""
    wire = Wire()
    meter_of(wire, 1 << 30, 1_000_000).data_received(rows(1_000, 600))
    wire.closing = True
    await asyncio.sleep(0)
    assert not wire.reading
