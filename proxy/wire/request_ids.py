"""Ids for requests that bring none of their own: 32 hex digits, drawn from the kernel's random numbers by the page."""

import os

_ID_BYTES = 16
_PAGE_IDS = 256

_drawn: list[str] = []
# A forked worker must not hand out the numbers of its parent.
os.register_at_fork(after_in_child=_drawn.clear)


def new_request_id() -> str:
    """Return an id that no other request has."""
    if not _drawn:
        page = os.urandom(_PAGE_IDS * _ID_BYTES).hex()
        _drawn.extend(page[at : at + 2 * _ID_BYTES] for at in range(0, len(page), 2 * _ID_BYTES))
    return _drawn.pop()
