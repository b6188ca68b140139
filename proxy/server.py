"""Sockets and signals: how the applications of `proxy.app` are kept running.

One worker runs in the process itself; several are children that share the
listening sockets (`proxy.supervisor`).
"""

import asyncio
import contextlib
import gc
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

import uvicorn
import uvloop

from proxy.app import Applications, create_applications
from proxy.settings import Listen, Settings, TcpListen, UnixListen
from proxy.supervisor import Supervisor
from proxy.telemetry import events, lines, metrics
from proxy.tenants.folder import PolicyFolder
from proxy.wire.outbox import Outbox
from proxy.wire.protocol import Answer, HttpProtocol, Take

BACKLOG = 2_048
# In-flight requests are given this long to finish.
GRACE_S = 8
# Longer than a reverse proxy keeps an idle connection (Caddy: 2 minutes), so
# that it is never the gateway that closes under a request on its way.
KEEP_ALIVE_S = 150
# Container objects made and not yet gone: a large result makes more than Python's default of 700 at every turn.
_COLLECT_AFTER = 50_000
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def bind(listen: Listen) -> socket.socket:
    """Open a listening socket. Raises OSError."""
    match listen:
        case TcpListen(host, port):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, port), family=family, backlog=BACKLOG)
        case UnixListen(path):
            return _bind_unix(path)


def _bind_unix(path: Path) -> socket.socket:
    """Open a Unix socket, in the place of one that nobody serves any more. Its group may connect."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(str(path)) != 0:
                path.unlink()
    listener.bind(str(path))
    path.chmod(0o660)
    listener.listen(BACKLOG)
    return listener


def describe(listen: Listen, listener: socket.socket) -> str:
    """Spell where a socket listens, with the port that it really got."""
    if isinstance(listen, UnixListen):
        return str(listen)
    return f"http://{TcpListen(listen.host, listener.getsockname()[1])}"


class _Server(uvicorn.Server):
    """A uvicorn server whose process sees to the signals itself: two servers share one loop here."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def make_server(
    app: object, answer: Answer | None = None, take: Take | None = None, *, lifespan: bool
) -> uvicorn.Server:
    """Make a server of an application; `take` and `answer` answer `POST /query` without ASGI in between."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="uvloop",
        http=partial(HttpProtocol, outbox=Outbox(), answer=answer, take=take),  # type: ignore[arg-type]  # called, never subclassed
        ws="none",
        lifespan="on" if lifespan else "off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    return _Server(config)


class Service:
    """Both applications on their sockets, in the running loop."""

    def __init__(self, applications: Applications, public: socket.socket, admin: socket.socket) -> None:
        self._public = make_server(applications.public, applications.answer, applications.take, lifespan=True)
        self._admin = make_server(applications.admin, lifespan=False)
        self._sockets = (public, admin)

    async def serve(self) -> None:
        """Serve until `stop`, then finish what is under way."""
        admin = asyncio.create_task(self._admin.serve([self._sockets[1]]))
        try:
            await self._public.serve([self._sockets[0]])
        finally:
            self._admin.should_exit = True
            await admin

    @property
    def started(self) -> bool:
        """Say whether requests are being answered."""
        return self._public.started and self._admin.started

    def stop(self) -> None:
        """Take no new connections, and let `serve` end once the requests under way are answered."""
        self._public.should_exit = True


def run(settings: Settings, folder: PolicyFolder, say: Callable[[str], None]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status. Raises OSError where it cannot listen."""
    with contextlib.ExitStack() as stack:
        public = stack.enter_context(_listening(settings.listen))
        admin = stack.enter_context(_listening(settings.admin_listen))
        for number in _STOP_SIGNALS:
            # Until the loop sees to them: whoever has read that we started may stop us at once.
            signal.signal(number, _leave)
        where, admin_where = describe(settings.listen, public), describe(settings.admin_listen, admin)
        say(f"Listening on {where} (admin: {admin_where}); tenants: {', '.join(sorted(folder.policies))}")
        events.server_started(where, admin_where, settings.workers, sorted(folder.policies))

        def work(orphaned: int | None) -> None:
            try:
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    runner.run(_work(settings, folder, (public, admin), orphaned))
            finally:
                metrics.hand_over()

        if settings.workers == 1:
            work(None)
            return 0
        return Supervisor(settings.workers, work).run()


def _leave(_number: int, _frame: object) -> NoReturn:
    raise SystemExit(0)


@contextlib.contextmanager
def _listening(listen: Listen) -> Iterator[socket.socket]:
    listener = bind(listen)
    try:
        yield listener
    finally:
        listener.close()
        if isinstance(listen, UnixListen):
            listen.path.unlink(missing_ok=True)


def _spare_the_collector() -> None:
    """Have the garbage collector pass over what is here to stay, and come by less often: requests leave no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


async def _work(
    settings: Settings, folder: PolicyFolder, sockets: tuple[socket.socket, socket.socket], orphaned: int | None
) -> None:
    """Be one worker. `orphaned` is a file descriptor that becomes readable when the parent is gone."""
    applications = create_applications(settings, folder)
    service = Service(applications, *sockets)
    _spare_the_collector()
    loop = asyncio.get_running_loop()

    def stop(reason: str) -> None:
        if orphaned is not None:
            loop.remove_reader(orphaned)
        events.server_stopping(reason)
        service.stop()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop, signal.Signals(number).name)
    loop.add_signal_handler(signal.SIGHUP, applications.reload)
    if orphaned is not None:
        loop.add_reader(orphaned, stop, "parent gone")
    try:
        await service.serve()
    finally:
        lines.flush()
