"""What PostgreSQL answers to messages that end with a Sync, read as it arrives.

An answer that passes its limits is given up while it arrives, so that neither
memory nor time grows with what a tenant asks for.
"""

from collections.abc import Callable
from struct import Struct
from typing import Any, Final, Literal

import asyncpg

from proxy.database.messages import read_error
from proxy.database.rows import NO_COLUMNS, RowReader

NO_LIMIT: Final = 1 << 62
# An answer of fewer bytes may have too many rows and be read to its end: the connection is worth keeping.
_CUT_FROM: Final = 64 * 1024
# A message's type, and its length, which counts itself and what follows.
_HEAD: Final[Callable[..., tuple[int, int]]] = Struct(">BI").unpack_from
_DATA_ROW, _COMMAND_COMPLETE, _READY, _ERROR = b"DCZE"
_PARAMETER_DESCRIPTION, _ROW_DESCRIPTION, _PARAMETER_STATUS = b"tTS"
# ParseComplete, BindComplete, CloseComplete, NoData, EmptyQueryResponse; what PostgreSQL says beside its answers
# (NoticeResponse, NotificationResponse); and a DataRow after one that could not be read.
_SAY_NOTHING: Final = frozenset(b"123nINAD")
_IDLE: Final = ord("I")

Over = Literal["bytes", "rows"]


class Answer:
    """The answer to one Sync, whose rows `reader` takes apart.

    `rows` are PostgreSQL's texts, and for some types the values themselves.
    `tag` is the last command's, `error` what PostgreSQL reported,
    `parameters` and `description` the bodies of what it described. `received`
    counts the bytes. `over` says which limit was passed: then nothing more is
    read. `done` says that PostgreSQL is ready for the next statement, or gone.
    `in_transaction` says whether it is inside of one then, and `unsettled`
    that a setting changed that PostgreSQL reports: what was asked for when the
    session began does not hold any more.
    """

    __slots__ = (
        "_callback",
        "_max_bytes",
        "_max_rows",
        "_needed",
        "_pieces",
        "_reader",
        "_waiting_bytes",
        "description",
        "done",
        "error",
        "in_transaction",
        "over",
        "parameters",
        "received",
        "rows",
        "tag",
        "unsettled",
    )

    def __init__(self, reader: RowReader = NO_COLUMNS, max_bytes: int = NO_LIMIT, max_rows: int = NO_LIMIT) -> None:
        self._reader = reader
        self._max_bytes = max_bytes
        self._max_rows = max_rows
        self._callback: Callable[[], None] | None = None
        # A message of which not all is here, and how many bytes it takes to go on.
        self._pieces: list[bytes] = []
        self._waiting_bytes = self._needed = 0
        self.rows: list[Any] = []
        self.received = 0
        self.tag = self.parameters = self.description = b""
        self.error: Exception | None = None
        self.over: Over | None = None
        self.done = self.in_transaction = self.unsettled = False

    def when_done(self, callback: Callable[[], None] | None) -> None:
        """Call back once the answer is done, at once if it is; None: call nobody back."""
        if self.done and callback is not None:
            callback()
        else:
            self._callback = callback

    def feed(self, data: bytes) -> bytes:
        """Read on; return what came after the answer's end. Raises `ValueError` for what is no answer."""
        self.received += len(data)
        if self.received > self._max_bytes:
            self._give_up("bytes")
            return b""
        if self._pieces:
            self._pieces.append(data)
            self._waiting_bytes += len(data)
            if self._waiting_bytes < self._needed:
                return b""
            data = b"".join(self._pieces)
            self._pieces.clear()
        read = self._read(data)
        if self.done:
            return data[read:]
        if len(self.rows) > self._max_rows and self.received > _CUT_FROM:
            self._give_up("rows")
        elif read < len(data):
            self._keep(data[read:])
        return b""

    def _read(self, data: bytes) -> int:
        """Read the messages that are here as a whole; return where the next one begins."""
        at, size = 0, len(data)
        last_head = size - 5
        while at <= last_head:
            kind, length = _HEAD(data, at)
            end = at + 1 + length
            if end > size:
                break
            if kind == _DATA_ROW and self.error is None:
                try:
                    taken_to = self._reader.take(data, at, self.rows)
                    if taken_to == at:
                        raise ValueError("PostgreSQL sent a row that cannot be one")
                    at = taken_to
                    continue
                except UnicodeDecodeError as exc:
                    # A database in SQL_ASCII has such texts. The rest of the answer says what became of the statement.
                    self.error = exc
            if kind == _COMMAND_COMPLETE:
                self.tag = data[at + 5 : end - 1]
            elif kind == _READY:
                self.in_transaction = data[at + 5] != _IDLE
                self.done = True
                return end
            elif kind not in _SAY_NOTHING:
                self._read_rare(kind, data[at + 5 : end])
            at = end
        return at

    def _read_rare(self, kind: int, body: bytes) -> None:
        if kind == _ERROR:
            self.error = read_error(body)
        elif kind == _PARAMETER_DESCRIPTION:
            self.parameters = body
        elif kind == _ROW_DESCRIPTION:
            self.description = body
        elif kind == _PARAMETER_STATUS:
            self.unsettled = True
        else:
            raise ValueError(f"PostgreSQL sent a message of type {chr(kind)!r}, which nobody asked for")

    def _keep(self, rest: bytes) -> None:
        """Keep the beginning of a message until it is here as a whole: one large value comes in many pieces."""
        self._pieces.append(rest)
        self._waiting_bytes = len(rest)
        self._needed = 1 + _HEAD(rest)[1] if len(rest) >= 5 else 5

    def _give_up(self, limit: Over) -> None:
        self.over = limit
        self.rows.clear()
        self._pieces.clear()

    def end(self) -> None:
        """Tell whoever waits, once it is done."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()

    def lose(self, cause: BaseException | None) -> None:
        """End with the connection: what PostgreSQL said before is the error's cause."""
        error = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        error.__cause__ = self.error or cause
        self.error, self.done, self.unsettled = error, True, True

    def check(self) -> None:
        """Raise what PostgreSQL reported, or that the connection is lost."""
        error, self.error = self.error, None
        if error is not None:
            try:
                raise error
            finally:
                # It knows this frame, which knows it: a circle that only the garbage collector would find.
                del error
