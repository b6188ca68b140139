"""What the gateway and its vetting process say to each other: pickles, each behind its length.

Both ends are this program, of one version and one user. Of what a caller sent,
a message holds the statement's text, a plain string, and nothing else.
"""

import pickle
import struct
from typing import Any, NamedTuple

LENGTH = struct.Struct("!I")
READY = "ready"


class Ask(NamedTuple):
    """A text to judge. Policy and catalog are named by digest and version, and come along, pickled, when asked for.

    The answer is a verdict, or None where the process does not hold the two (any more).
    """

    sql: str
    role: str
    digest: str
    version: str
    policy: bytes | None = None
    catalog: bytes | None = None


def pack(message: object) -> bytes:
    """Write a message with its length before it."""
    body = dump(message)
    return LENGTH.pack(len(body)) + body


def dump(value: object) -> bytes:
    """Pickle one value."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def load(pickled: bytes) -> Any:
    """Read what `dump` wrote."""
    return pickle.loads(pickled)  # noqa: S301 - from our own other half, over a socket that nobody else has
