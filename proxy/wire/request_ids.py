"""Ids for requests that bring none of their own: 32 hex digits, drawn from the kernel's random numbers by the page."""

import os

_ID_BYTES = 16
_PAGE_BYTES = 256 * _ID_BYTES

_drawn = bytearray()
# A forked worker must not hand out the numbers of its parent.
os.register_at_fork(after_in_child=_drawn.clear)


def new_request_id() -> str:
    """Return an id that no other request has."""
    if not _drawn:
        _drawn.extend(os.urandom(_PAGE_BYTES))
    taken = _drawn[-_ID_BYTES:]
    del _drawn[-_ID_BYTES:]
    return taken.hex()
