"""What a token claims, checked: who is asking, and whether it is still so.

The caller has checked the signature. Time comes in as `now`, in seconds since
the epoch; nothing here reads a clock.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.errors import Refusal
from proxy.identity.principal import Principal

LEEWAY_S = 30.0
DEFAULT_ROLE = "default"
# The last second of the year 9999, where many a reader of dates ends.
LAST_SECOND = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must claim beside what every token must: its issuer and audience, where they are set."""

    issuer: str | None = None
    audience: str | None = None
    leeway_s: float = LEEWAY_S


def believe(claims: Mapping[str, Any], expected: Expected, now: float) -> Principal:
    """Make the principal that the claims speak for, or raise Refusal `token-invalid` or `token-expired`."""
    _check_text(claims)
    principal = Principal(
        tenant=_name(claims, "tenant"),
        role=_name(claims, "role") if "role" in claims else DEFAULT_ROLE,
        subject=_name(claims, "sub"),
        kind="jwt",
        credential_id=_name(claims, "jti") if "jti" in claims else None,
        expires_at=_time(claims, "exp"),
        claims=claims,
    )
    _check_parties(claims, expected)
    _check_times(claims, expected.leeway_s, now)
    return principal


def invalid(hint: str) -> Refusal:
    """Make the refusal of a token that proves nothing; the hint says why and quotes none of it."""
    return Refusal("token-invalid", "The token is not valid.", hint=hint)


def expired() -> Refusal:
    """Make the refusal of a token or key whose time is over."""
    return Refusal("token-expired", "The token has expired.", hint="Get a new one.")


def _name(claims: Mapping[str, Any], claim: str) -> str:
    value = claims.get(claim)
    if not isinstance(value, str) or not value:
        raise invalid(f"It needs the claim `{claim}`, a string that is not empty.")
    return value


def _time(claims: Mapping[str, Any], claim: str) -> float:
    """Return a NumericDate (RFC 7519 §2): a number, fractions allowed; True is no number."""
    value = claims.get(claim)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"It needs the claim `{claim}`, a number of seconds since 1970.")
    if not 0 <= value <= LAST_SECOND:  # also false for NaN
        raise invalid(f"Its claim `{claim}` is no time before the year 10000.")
    return float(value)


def _check_times(claims: Mapping[str, Any], leeway_s: float, now: float) -> None:
    if "nbf" in claims and now < math.floor(_time(claims, "nbf")) - leeway_s:
        raise invalid("It is not valid yet (claim `nbf`).")
    if "iat" in claims and now < math.floor(_time(claims, "iat")) - leeway_s:
        raise invalid("It was issued in the future (claim `iat`): compare the two machines' clocks.")
    # RFC 7519 §4.1.4: not to be accepted on or after it.
    if now >= _time(claims, "exp") + leeway_s:
        raise expired()


def _check_parties(claims: Mapping[str, Any], expected: Expected) -> None:
    if expected.issuer is not None and claims.get("iss") != expected.issuer:
        raise invalid("Its issuer (claim `iss`) is not the one that this gateway trusts.")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if expected.audience is not None and expected.audience not in audiences:
        raise invalid("It is meant for someone else (claim `aud`).")


def _check_text(claims: Mapping[str, Any]) -> None:
    """Refuse text that PostgreSQL cannot hold: claims become session settings."""
    left: list[Any] = [claims]
    while left:
        match left.pop():
            case dict() as members:
                left += [*members.keys(), *members.values()]
            case list() as items:
                left += items
            case str() as text if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
                raise invalid("A claim holds a NUL character or half a surrogate pair.")
            case _:
                pass
