"""Log lines: one JSON object a line on standard output, written in batches.

`configure` sets up structlog and routes the standard library's loggers
(uvicorn, asyncio) into the same stream. A line is written at the latest
`FLUSH_AFTER_S` after it was made; `flush` writes at once.

An exception is logged by its type and where it passed through, never by its
message: messages quote statements, parameters and connection strings.
"""

import asyncio
import logging
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import orjson
import structlog

FLUSH_AFTER_S = 0.05
FLUSH_OVER_BYTES = 65_536

_PACKAGE_PARENT = Path(__file__).resolve().parents[2]


class LineWriter:
    """Gathers lines and writes them in one go. Outside an event loop each line is written at once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._gathered = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def line(self, line: bytes) -> None:
        """Take one line, without its line end."""
        self.write(msgspec.Raw(line))

    # structlog calls the method named after the level.
    debug = info = warning = error = critical = msg = line

    def write(self, line: msgspec.Struct | msgspec.Raw) -> None:
        """Render one line, straight to where lines are gathered."""
        gathered = self._gathered
        size = len(gathered)
        try:
            _encode_into(line, gathered, size)
        except Exception:
            # Half a line would spoil the next one.
            del gathered[size:]
            raise
        gathered += b"\n"
        if len(gathered) > FLUSH_OVER_BYTES:
            self.flush()
        elif self._timer is None:
            try:
                self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self.flush)
            except RuntimeError:
                self.flush()

    def flush(self) -> None:
        """Write what is gathered. A closed or full stream loses lines rather than requests."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gathered, self._gathered = self._gathered, bytearray()
        if gathered:
            try:
                self._stream.write(gathered)
                self._stream.flush()
            except (OSError, ValueError):
                return


class _StandardLibrary(logging.Handler):
    """Passes on what other libraries log, as the event `server_message`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record's message; of an exception only type and places."""
        exc = record.exc_info[1] if record.exc_info else None
        log = structlog.get_logger()
        fields = describe_exception(exc) if exc else {}
        log.log(record.levelno, "server_message", logger=record.name, message=record.getMessage().strip(), **fields)


_encode_into = msgspec.json.Encoder().encode_into

_writer = LineWriter(sys.stdout.buffer)
_threshold = logging.INFO


def configure(level: str = "info", stream: BinaryIO | None = None) -> None:
    """Log JSON lines of this level and above to the stream (default: standard output), for this process."""
    global _writer, _threshold  # noqa: PLW0603 - a process has one log
    _writer.flush()
    _writer = LineWriter(sys.stdout.buffer if stream is None else stream)
    threshold = _threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper("iso", key="time"), _render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_: _writer,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_StandardLibrary()]
    root.setLevel(max(threshold, logging.INFO))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        # uvicorn's own configuration, where it was ever applied, keeps its lines to itself.
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate, logger.disabled = True, False
        logger.setLevel(logging.NOTSET)
    # What it says of starting and stopping, the gateway says itself.
    logging.getLogger("uvicorn").setLevel(max(threshold, logging.WARNING))
    # It quotes the statements that it cannot read.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL + 1)


def write(level: int, line: msgspec.Struct) -> None:
    """Write one line as structlog would by the configuration above, without its way there: one a request counts."""
    if level >= _threshold:
        _writer.write(line)


def flush() -> None:
    """Write out what is still gathered."""
    _writer.flush()


def describe_exception(exc: BaseException) -> dict[str, Any]:
    """Return an exception's type and the places it passed through (innermost last), without its message."""
    frames = traceback.extract_tb(exc.__traceback__)
    fields: dict[str, Any] = {
        "exception": f"{type(exc).__module__}.{type(exc).__qualname__}",
        "places": [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if exc.__cause__ is not None:
        fields["cause"] = f"{type(exc.__cause__).__module__}.{type(exc.__cause__).__qualname__}"
    return fields


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(_PACKAGE_PARENT)) if path.is_relative_to(_PACKAGE_PARENT) else path.name


def _render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> bytes:
    """Write the line as JSON: time, level and event first, for the eye."""
    ordered = {"time": event.pop("time"), "level": event.pop("level"), "event": event.pop("event"), **event}
    return orjson.dumps(ordered, default=str)
