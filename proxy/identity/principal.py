"""Whom we believe, once a token or a key has been checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    `claims` is every claim of the token (for a key: `sub` is the key's id).
    `credential_id` is the `jti` of a token or the id of a key; it is what
    gets revoked, and None for a token without `jti`. `expires_at` is in
    seconds since the epoch.
    """

    tenant: str
    role: str
    subject: str
    kind: Literal["jwt", "key"]
    credential_id: str | None
    expires_at: float | None
    claims: Mapping[str, Any]
