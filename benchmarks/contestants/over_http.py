"""Contestants that take `POST /query`: started in the background, checked by http.client, measured by the generator."""

import contextlib
import http.client
import json
import os
import secrets
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.contestants.base import Answers, Arena, Contestant, Sample
from benchmarks.load import Request
from benchmarks.machine import Mode
from benchmarks.processes import BenchFailed, Service
from benchmarks.workloads import Workload
from proxy.embedded import free_port

START_TIMEOUT_S = 120.0
# How many of a workload's requests are looked at before it is measured.
CHECKED = 16


class HttpContestant(Contestant):
    """A server that takes `POST /query` with `{"sql", "params"}` and a bearer token."""

    def __init__(self, arena: Arena) -> None:
        super().__init__(arena)
        self.token = secrets.token_hex(32)
        self.port = 0
        self._service: Service | None = None
        self._mode = Mode("none", "not started", 1)

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """Return the program that serves, with its arguments."""

    @abstractmethod
    def environ(self, mode: Mode) -> Mapping[str, str]:
        """Return what the program is told, above our own environment."""

    def path(self, _workload: Workload) -> str:
        """Return where a workload's requests go."""
        return "/query"

    def requests(self, workload: Workload) -> list[Request]:
        """Return what is sent, in turn."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return [
            Request(self.path(workload), headers, json.dumps({"sql": workload.sql, "params": parameters}))
            for parameters in workload.parameters()
        ]

    def start(self, mode: Mode) -> None:
        """Start the program, and return once it takes connections."""
        self.port, self._mode = free_port(), mode
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROXY_")}
        log = self.arena.folder / f"{self.name}-{mode.name}.log"
        self._service = Service(self.command(), {**inherited, **self.environ(mode)}, log, mode.contestant_cores)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._service.running:
            with contextlib.suppress(OSError), contextlib.closing(self._connect()) as connection:
                connection.connect()
                return
            time.sleep(0.01)
        raise BenchFailed(f"{self.title} did not start: {self._service.last_words()}")

    def stop(self) -> None:
        """Stop the program."""
        if self._service is not None:
            self._service.stop()
            self._service = None

    def check(self, workload: Workload, expected: Answers) -> None:
        """Send some of the requests and hold each answer to the rows that PostgreSQL has."""
        asked = list(zip(workload.parameters(), self.requests(workload), strict=True))
        with contextlib.closing(self._connect()) as connection:
            for parameters, request in asked[:CHECKED]:
                connection.request("POST", request.path, request.body, dict(request.headers))
                response = connection.getresponse()
                body = response.read()
                if response.status != http.HTTPStatus.OK:
                    answered = f"{self.title} answered {workload.name} with {response.status}: {body[:300]!r}"
                    raise BenchFailed(f"{answered}\n{self.service.last_words()}")
                fault = compare(orjson.loads(body), expected[tuple(parameters)], workload.row_count)
                if fault:
                    raise BenchFailed(f"{self.title} answers {workload.name} otherwise than PostgreSQL: {fault}")

    def run(self, workload: Workload, seconds: float) -> Sample:
        """Have the load generator send this workload's requests, and read the meter before and after."""
        before = self.service.usage()
        load = self.arena.generator.run(self.port, self.requests(workload), seconds, self._mode.other_cores)
        after = self.service.usage()
        return Sample(load, after.cpu_s - before.cpu_s, after.memory_bytes)

    @property
    def service(self) -> Service:
        """The program. Raises `BenchFailed` where it was not started."""
        if self._service is None:
            raise BenchFailed(f"{self.title} was not started")
        return self._service

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)


def compare(answer: Any, rows: Sequence[Mapping[str, Any]], row_count: int) -> str | None:
    """Say how an answer differs from what PostgreSQL has, None if it does not."""
    if answer.get("rowCount") != row_count:
        return f"rowCount is {answer.get('rowCount')}, not {row_count}"
    if len(answer["rows"]) != len(rows):
        return f"{len(answer['rows'])} rows, not {len(rows)}"
    for number, (got, wanted) in enumerate(zip(answer["rows"], rows, strict=True)):
        if got != wanted:
            return f"row {number} is {got}, not {wanted}"
    return None
