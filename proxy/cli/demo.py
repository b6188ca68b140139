"""`demo`: a PostgreSQL, an example schema and a gateway, seen at work within a minute."""

import argparse
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from proxy.cli.console import CommandFailed
from proxy.cli.demo_database import Database, prepare
from proxy.cli.demo_gateway import DemoGateway
from proxy.cli.demo_home import open_home
from proxy.cli.demo_tour import show_tour
from proxy.embedded import Cluster, EmbeddedFailed, find_binaries, free_port
from proxy.progress import Progress

DEFAULT_PORT = 3000
VISITOR_ROLE = "persona-manager"

DESCRIPTION = """\
Starts PostgreSQL, applies migrations/callmeback, gives the tenant's login the
rights of policies/callmeback.yaml, starts the gateway, and shows a handful of
statements, allowed and denied. Then it serves until Ctrl-C.

The data is kept in .demo (below the temp folder where root's PostgreSQL cannot
use the checkout) and is there again at the next start."""

EXAMPLES = """\
examples:
  ./run demo            serve until Ctrl-C
  ./run demo --exit     show the statements and stop
  ./run demo --reset    begin anew: the data of earlier starts is removed"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("--exit", action="store_true", help="stop after the statements, with exit status 0")
    parser.add_argument("--reset", action="store_true", help="remove the data of earlier starts first")
    parser.add_argument(
        "--port", type=_port, metavar="N", help=f"the gateway's port (default: {DEFAULT_PORT}, or a free one)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the demo. Exit status 1: something did not start, or a statement was answered wrongly."""
    with _terminable():
        try:
            return _demo(arguments)
        except EmbeddedFailed as exc:
            raise CommandFailed(exc.message, exc.hint) from exc


def _demo(arguments: argparse.Namespace) -> int:
    home = open_home()
    cluster = Cluster(home.cluster, find_binaries())
    if arguments.reset:
        cluster.erase()
        shutil.rmtree(home.folder)
        home = open_home()
    port = _choose_port(arguments.port)
    with ExitStack() as running:
        with Progress("Starting PostgreSQL"):
            running.enter_context(cluster)
        with Progress("Preparing the database"):
            database = prepare(cluster, home)
        with Progress("Starting the gateway"):
            gateway = running.enter_context(DemoGateway(home, port, database.settings))
        print(f"Serving on {gateway.url}; data and logs in {home.folder}\n", flush=True)
        as_expected = show_tour(gateway, database.mint)
        if not arguments.exit:
            _serve(gateway, database)
    return 0 if as_expected else 1


def _serve(gateway: DemoGateway, database: Database) -> None:
    """Keep serving until Ctrl-C or SIGTERM. Raises `CommandFailed` when the gateway ends by itself."""
    token = database.mint(VISITOR_ROLE, "you")
    print("Try it, as persona-manager, for a day:\n")
    print(f"curl -s {gateway.url}/query -H 'Content-Type: application/json' \\")
    print(f"  -H 'Authorization: Bearer {token}' \\")
    print("""  -d '{"query": "SELECT id, name FROM personas WHERE id = $1", "parameters": ["brad"]}'\n""")
    try:
        print("Serving until Ctrl-C.", flush=True)
        gateway.wait()
    except KeyboardInterrupt:
        print("\nStopping.", flush=True)
        return
    raise CommandFailed("the gateway ended by itself", "its last lines are in gateway.log of the demo's folder")


def _choose_port(wanted: int | None) -> int:
    """Return a port that is free now; only one that was asked for has to be that one."""
    port = wanted or DEFAULT_PORT
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            if wanted:
                raise CommandFailed(f"port {port} cannot be used: {exc.strerror}", "choose another: --port N") from exc
            return free_port()
    return port


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not a port from 1 to 65535")
    return int(text)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM and a closed terminal do what Ctrl-C does: stop everything in order."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # SIGINT too: a shell starts its background jobs with it ignored, and they are stopped by it all the same.
    stopping = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in stopping}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
