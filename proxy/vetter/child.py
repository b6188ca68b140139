"""The vetting process: `python -m proxy.vetter.child MODULE:FUNCTION`.

It is asked over the socket that is its standard input, and judges one text
after the other by the function (`proxy.vetting:vet`). It ends when the other
end of the socket closes, so it cannot outlive the gateway, and when one text
takes more than `DEADLINE_S` of processor time: the kernel sees to that
(setitimer(2)), whatever the code is busy with.
"""

import contextlib
import gc
import os
import resource
import signal
import socket
import sys
from collections import OrderedDict
from collections.abc import Callable
from importlib import import_module
from typing import Any

from proxy.policy.model import Policy, Role
from proxy.vetter.messages import LENGTH, READY, Ask, load, pack
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Verdict

# Of this process's own work: on a busy machine, waiting for a processor does not count.
DEADLINE_S = 0.25
# Requests whose texts are known go first where both want the same processor.
NICENESS = 10
# Some ten times what the largest texts and catalogs were seen to need.
MAX_MEMORY_BYTES = 512 * 1024 * 1024
# Of pickled policies and catalogs; as objects they take about three times as much.
KEEP_BYTES = 16 * 1024 * 1024

Judge = Callable[[str, Policy, str, Catalog], Verdict]


class Kept:
    """The policies and catalogs that texts were judged by of late, by digest and version, bounded by their size."""

    def __init__(self, max_bytes: int = KEEP_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._values: OrderedDict[str, tuple[Any, int]] = OrderedDict()

    def get(self, name: str) -> Any:
        """Return the value of this name; None where it is not there (any more)."""
        if name not in self._values:
            return None
        self._values.move_to_end(name)
        return self._values[name][0]

    def put(self, name: str, pickled: bytes) -> Any:
        """Keep what was pickled, and let go of what was not asked for longest. Return the value."""
        _, freed = self._values.pop(name, (None, 0))
        value = load(pickled)
        self._values[name] = (value, len(pickled))
        self._bytes += len(pickled) - freed
        while self._bytes > self._max_bytes and len(self._values) > 1:
            _, (_, freed) = self._values.popitem(last=False)
            self._bytes -= freed
        return value


def answer(ask: Ask, kept: Kept, judge: Judge) -> Verdict | None:
    """Judge a text; None: policy and catalog have to come along."""
    policy_name, catalog_name = f"policy {ask.digest}", f"catalog {ask.version}"
    policy = kept.get(policy_name) if ask.policy is None else kept.put(policy_name, ask.policy)
    catalog = kept.get(catalog_name) if ask.catalog is None else kept.put(catalog_name, ask.catalog)
    if policy is None or catalog is None:
        return None
    return judge(ask.sql, policy, ask.role, catalog)


def serve(gateway: socket.socket, judge: Judge) -> None:
    """Answer until the other end closes."""
    kept = Kept()
    with gateway.makefile("rwb") as stream:
        _send(stream, READY)
        while header := stream.read(LENGTH.size):
            body = stream.read(*LENGTH.unpack(header))
            signal.setitimer(signal.ITIMER_PROF, DEADLINE_S)
            verdict = answer(load(body), kept, judge)
            signal.setitimer(signal.ITIMER_PROF, 0)
            _send(stream, verdict)
            # Trees are circles: what is left of this one goes now, while nobody waits.
            gc.collect(0)


def _send(stream: Any, message: object) -> None:
    stream.write(pack(message))
    stream.flush()


def _settle() -> None:
    """Step back behind the gateway, and be deaf to what is meant for it: the closing socket says when to end."""
    # uvloop passes on what the gateway itself was started with.
    os.closerange(3, min(os.sysconf("SC_OPEN_MAX"), 65_536))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Neither is worth refusing to work for, where the system does not allow it.
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))


def _be_quiet() -> None:
    """Say nothing from now on: a message might quote a statement."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    os.close(nowhere)


def main(function: str) -> None:
    """Be the vetting process."""
    _settle()
    module, _, name = function.partition(":")
    judge: Judge = getattr(import_module(module), name)
    # What is only set up at its first use is set up now.
    judge("SELECT 1", Policy("", "", "", {"": Role("", {})}), "", Catalog())
    # What is there now stays, and what comes is collected between two texts: within a long one, a fifth of its time.
    gc.freeze()
    gc.disable()
    _be_quiet()
    with contextlib.suppress(ConnectionError):
        serve(socket.socket(fileno=os.dup(sys.stdin.fileno())), judge)


if __name__ == "__main__":
    main(sys.argv[1])
