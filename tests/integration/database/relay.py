"""A wire between gateway and PostgreSQL that a test can watch and cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path


class Relay:
    """Passes bytes in both directions, and counts what makes PostgreSQL answer."""

    def __init__(self, target: str) -> None:
        self.round_trips = 0
        self.cut_at: bytes | None = None
        # What is cut at after that.
        self.then_cut_at: bytes | None = None
        # What has to pass before anything is cut.
        self.cut_after: bytes | None = None
        self.cuts = 0
        self.mute = False
        self._target = target
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        there_reader, there_writer = await asyncio.open_unix_connection(self._target)
        self._writers += [writer, there_writer]
        for carrier in (self._forward(reader, there_writer), self._back(there_reader, writer)):
            task = asyncio.create_task(carrier)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            length = await reader.readexactly(4)  # the startup message has no type
            writer.write(length + await reader.readexactly(int.from_bytes(length, "big") - 4))
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
                if head[:1] in b"SQH":  # Sync, Query, Flush
                    self.round_trips += 1
                if self.cut_after is not None:
                    if self.cut_after in head + body:
                        self.cut_after = None
                elif self.cut_at is not None and self.cut_at in head + body:
                    self.mute = True
                    writer.write(head + body)
                    await asyncio.sleep(0.1)  # PostgreSQL gets to work; its answer goes nowhere
                    # Before whoever is cut off can come again.
                    self.cut_at, self.then_cut_at, self.mute = self.then_cut_at, None, False
                    self.cut()
                    return
                writer.write(head + body)
        writer.close()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if not self.mute:
                    writer.write(data)
        writer.close()

    def cut(self) -> None:
        """End every connection at once, in both directions; new ones are carried again."""
        self.cuts += 1
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def settle(self) -> None:
        """Wait until nothing is carried any more."""
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def relayed(folder: Path, target: str) -> AsyncIterator[tuple[Relay, str]]:
    """Listen beside a server's socket; give the relay and the URL that leads through it."""
    relay = Relay(target)
    server = await asyncio.start_unix_server(relay.serve, folder / ".s.PGSQL.5432")
    try:
        yield relay, f"postgresql:///?host={folder}&port=5432"
    finally:
        server.close()
        await relay.settle()
        await server.wait_closed()
