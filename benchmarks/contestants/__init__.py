"""Who takes part: the gateway, the peers, pgbench as the limit, and a server that answers without a thought.

A contestant is one class and one line in `CONTESTANTS`. Each gets the same
statements for the same database, and each has to answer the same rows before
it is measured.
"""

from typing import Final

from benchmarks.contestants.bare import (
    Bun,
    Constant,
    Express,
    ExpressOnNode18,
    ExpressOnNode20,
    ExpressOnNode22,
    Fastify,
)
from benchmarks.contestants.base import Answers, Arena, Contestant, Sample
from benchmarks.contestants.gateway import Gateway
from benchmarks.contestants.pgbench import Pgbench

CONTESTANTS: Final[dict[str, type[Contestant]]] = {
    contestant.name: contestant
    for contestant in (
        Gateway,
        ExpressOnNode18,
        ExpressOnNode20,
        ExpressOnNode22,
        Express,
        Fastify,
        Bun,
        Pgbench,
        Constant,
    )
}
# Who takes part in a short contest.
QUICK_CONTESTANTS: Final = tuple(kind.name for kind in (Gateway, ExpressOnNode22, Express, Bun, Pgbench))
# Who is known to be worth comparing with, and why nobody runs it.
ABSENT: Final = {"PostgREST": "not to be had here: no package of PyPI, npm or Debian carries it"}

__all__ = [
    "ABSENT",
    "CONTESTANTS",
    "QUICK_CONTESTANTS",
    "Answers",
    "Arena",
    "Contestant",
    "Express",
    "Gateway",
    "Sample",
]
