"""What the commands for tokens and for keys share: their settings, their arguments, their words."""

import argparse
import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from proxy.cli.console import CommandFailed, UsageError
from proxy.database.control import ControlStore, ControlUnavailable, open_control
from proxy.settings import Settings, SettingsInvalid, load_settings

T = TypeVar("T")

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST_S = 3650 * 86_400
_LONGEST_NAME = 255


def read_settings() -> Settings:
    """Read the settings that there are; UsageError says what is wrong with them."""
    try:
        return load_settings(os.environ, serving=False)
    except SettingsInvalid as exc:
        raise UsageError(f"the settings are not valid:\n{exc}", "docs/settings.md lists every setting") from None


def with_store(work: Callable[[ControlStore], Awaitable[T]]) -> T:
    """Do something with the control database. UsageError if none is set, CommandFailed if it does not answer."""
    settings = read_settings()
    url = settings.control_url
    if url is None:
        raise UsageError(
            "PROXY_CONTROL_URL is not set: keys and revocations live in the control database",
            "set it as for the gateway: postgresql://ROLE@HOST/DATABASE",
        )

    async def run() -> T:
        async with open_control(url, settings.passfile) as store:
            return await work(store)

    try:
        return asyncio.run(run())
    except ControlUnavailable as exc:
        raise CommandFailed(
            f"the control database cannot be used: {exc}", "check PROXY_CONTROL_URL, and that PostgreSQL runs"
        ) from None


def name(text: str) -> str:
    """Read a tenant, a role or another name: the type of an argument."""
    if not text or len(text) > _LONGEST_NAME:
        raise argparse.ArgumentTypeError(f"must have 1 to {_LONGEST_NAME} characters")
    if not text.isprintable():
        # Also half a surrogate pair, which is how Python hands over bytes that are no text.
        raise argparse.ArgumentTypeError("holds a character that cannot be printed")
    return text


def duration_s(text: str) -> int:
    """Read `90s`, `15m`, `1h`, `30d` or `2w` as seconds: the type of an argument."""
    found = re.fullmatch(r"([0-9]{1,9})([smhdw])", text, re.ASCII)
    seconds = int(found[1]) * _UNITS_S[found[2]] if found else 0
    if not 1 <= seconds <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text!r} is no time from 1s to 3650d; write 90s, 15m, 1h, 30d or 2w")
    return seconds


def show_moment(seconds: float | None, absent: str = "-") -> str:
    """Spell a moment (seconds since the epoch) in UTC, or what stands for none."""
    if seconds is None:
        return absent
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
