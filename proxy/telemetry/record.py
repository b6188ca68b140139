"""What is noted about one request while it is served; one line and a few counts come of it at the end."""

from dataclasses import dataclass
from typing import Literal

from proxy.errors import Applied

Decision = Literal["allowed", "denied", "observed"]


@dataclass(slots=True)
class Record:
    """The story of one request, without a word of the caller's text.

    `verdict` is None where the request never came to vetting; `rule` is what
    denied it (or would have, in mode observe). `sqlstate` is PostgreSQL's
    code where a statement failed. `bytes_out` counts the body of the answer.
    `applied` is what is known of the write if nobody else can tell any more.
    """

    request_id: str
    started_s: float
    tenant: str | None = None
    role: str | None = None
    credential_id: str | None = None
    fingerprint: str | None = None
    command: str | None = None
    verdict: Decision | None = None
    rule: str | None = None
    sqlstate: str | None = None
    rows: int | None = None
    error: str | None = None
    applied: Applied = "no"
    status: int = 0
    duration_ms: float = 0.0
    bytes_out: int = 0
