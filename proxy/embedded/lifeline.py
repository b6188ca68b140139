"""A child that ends when its parent does, also when the parent is killed.

Linux sends the signal itself (`prctl(PR_SET_PDEATHSIG)`, prctl(2)). Elsewhere a
server may outlive a killed parent: the next start in its folder ends it.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None] | None:
    """Return what a child runs before `exec` so that it gets SIGINT when this thread ends.

    SIGINT is PostgreSQL's fast shutdown. Everything is looked up here, before
    the fork: the child makes two system calls and no more.
    """
    if sys.platform != "linux":
        return None
    prctl, parent, sigint = ctypes.CDLL(None).prctl, os.getpid(), int(signal.SIGINT)

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, sigint)
        if os.getppid() != parent:  # the parent went away before the call above
            os._exit(1)

    return before_exec
