"""The token issuer's public keys, read from where `PROXY_JWT_KEYS` says, and read again when they change.

All the I/O around `proxy.identity.signing_keys`: a PEM file, a folder of them
(`kid` is the file's name without `.pem`), a JWKS file, or a JWKS URL. When
they cannot be read any more, the last good ones stay in force.
"""

import asyncio
import contextlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path

from proxy.identity.signing_keys import MOST_KEYS, KeyInvalid, SigningKey, parse_jwks, parse_pem, unique

LARGEST_BYTES = 1024 * 1024
FETCH_TIMEOUT_S = 5.0
FILE_INTERVAL_S = 1.0
URL_INTERVAL_S = 300.0
# An unknown `kid` is anyone's to send: it may not make us ask the issuer all the time.
FILE_LEAST_INTERVAL_S = 0.2
URL_LEAST_INTERVAL_S = 10.0

Keys = tuple[SigningKey, ...]
Documents = Mapping[str, bytes]


def load_keys(source: str) -> Keys:
    """Read the keys of a path or URL; blocking. KeyInvalid says what is wrong, and where."""
    return parse_documents(read_documents(source))


def read_documents(source: str) -> Documents:
    """Return the bytes of each document of keys by its path or URL; KeyInvalid where they cannot be had."""
    try:
        if "://" in source:
            return {source: _fetch(source)}
        path = Path(source)
        files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
        if not 1 <= len(files) <= MOST_KEYS:
            raise KeyInvalid(f"{source}: the folder holds {len(files)} files *.pem; 1 to {MOST_KEYS} are read")
        return {str(file): _read(file) for file in files}
    except (OSError, HTTPException) as exc:
        raise KeyInvalid(f"{source}: cannot be read: {exc}") from exc


def parse_documents(documents: Documents) -> Keys:
    """Make keys of all documents; KeyInvalid names each that is none."""
    keys: list[SigningKey] = []
    faults = []
    for name, data in documents.items():
        try:
            is_pem = name.endswith(".pem") or b"-----BEGIN" in data
            keys += [parse_pem(data, Path(name).stem)] if is_pem else parse_jwks(data)
        except KeyInvalid as exc:
            faults.append(f"{name}: {exc}")
    if faults:
        raise KeyInvalid("\n".join(faults))
    return unique(tuple(keys))


class IssuerKeys:
    """Keeps the keys current and hands new ones to `changed`; `problem` says what hinders it now, if anything.

    `report` is called with the problem when one begins or changes, and with None when it ends.
    """

    def __init__(
        self, source: str, changed: Callable[[Keys], None], report: Callable[[str | None], None] | None = None
    ) -> None:
        remote = "://" in source
        self.problem: str | None = None
        self.interval_s = URL_INTERVAL_S if remote else FILE_INTERVAL_S
        self.least_interval_s = URL_LEAST_INTERVAL_S if remote else FILE_LEAST_INTERVAL_S
        self._source = source
        self._changed = changed
        self._report = report or (lambda _: None)
        self._documents: Documents | None = None
        self._looked_at = 0.0
        self._looking: asyncio.Task[bool] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the keys once, or raise KeyInvalid; then keep them current."""
        await self._begin_looking()
        if self._documents is None:
            raise KeyInvalid(self.problem)
        self._watching = asyncio.create_task(self._watch(), name="issuer-keys")

    async def stop(self) -> None:
        """Stop looking."""
        for task in (self._watching, self._looking):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._watching = self._looking = None

    async def look_again(self) -> bool:
        """Look for new keys now, unless that was done a moment ago; return whether there are any.

        Callers that come while somebody looks share what is found.
        """
        idle = self._looking is None or self._looking.done()
        if idle and time.monotonic() - self._looked_at < self.least_interval_s:
            return False
        return await asyncio.shield(self._begin_looking())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.interval_s)
            await asyncio.shield(self._begin_looking())

    def _begin_looking(self) -> asyncio.Task[bool]:
        """Return the one look under way: of two at once, the older could win."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="issuer-keys-look")
        return self._looking

    async def _look(self) -> bool:
        """Read the documents; hand out their keys if they say something new."""
        self._looked_at = time.monotonic()
        try:
            documents = await asyncio.to_thread(read_documents, self._source)
            keys = None if documents == self._documents else parse_documents(documents)
        except KeyInvalid as exc:
            self._note(str(exc))
            return False
        self._note(None)
        if keys is None:
            return False
        self._documents = documents
        self._changed(keys)
        return True

    def _note(self, problem: str | None) -> None:
        if problem != self.problem:
            self.problem = problem
            self._report(problem)


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return _within_limit(opened.read(LARGEST_BYTES + 1), str(file))


def _within_limit(data: bytes, name: str) -> bytes:
    if len(data) > LARGEST_BYTES:
        raise KeyInvalid(f"{name}: is larger than {LARGEST_BYTES} bytes")
    return data


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Whoever can redirect us could choose the keys."""

    def redirect_request(self, *_arguments: object, **_named: object) -> None:
        """Follow nothing: the redirect itself becomes the error."""


def _fetch(url: str) -> bytes:
    # A proxy from the environment is for the way out, not for this machine.
    ways = [urllib.request.ProxyHandler({})] if url.startswith("http:") else []
    opener = urllib.request.build_opener(_NoRedirects(), *ways)
    request = urllib.request.Request(url, headers={"Accept": "application/jwk-set+json, application/json"})  # noqa: S310
    try:
        with opener.open(request, timeout=FETCH_TIMEOUT_S) as response:
            return _within_limit(response.read(LARGEST_BYTES + 1), url)
    except urllib.error.HTTPError as exc:
        with exc:
            raise KeyInvalid(f"{url}: cannot be read: the answer is {exc.code}") from None
