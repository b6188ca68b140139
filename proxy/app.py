"""Wiring: what answers which path, and what lives as long as the server does.

`POST /query` is answered before any routing; everything else goes through
Starlette and answers in the same shape. The admin application is for the
operator's own network: it shows load and the names of tenants.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response as StarletteResponse
from starlette.routing import Route

from proxy.authentication import Authentication
from proxy.database.pools import Server
from proxy.database.reader import login_of
from proxy.errors import Refusal
from proxy.fast_path import FastPath
from proxy.gateway import Gateway
from proxy.settings import Settings
from proxy.telemetry import events, metrics
from proxy.telemetry.record import Record
from proxy.tenants.folder import PolicyFolder
from proxy.tenants.health import Health
from proxy.tenants.registry import Tenants
from proxy.verdicts import Verdicts
from proxy.vetter.vetter import Vetter
from proxy.wire.caller import AsgiCaller
from proxy.wire.head import Head, Receive
from proxy.wire.protocol import Answer, Take
from proxy.wire.request_ids import new_request_id
from proxy.wire.response import Response, Send, render_refusal

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def request_id_of(scope: Scope) -> str:
    """Return the caller's own id for a request, or a new one."""
    return Head(scope["headers"]).request_id or new_request_id()


class QueryRoute:
    """`POST /query` as an ASGI application: no Request object, no middleware."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, unless its caller is gone."""
        await self._gateway.answer(AsgiCaller(Head(scope["headers"]), receive, send))


class HealthRoute:
    """`GET /health`: without a token, and without a line in the log."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Say whether PostgreSQL answers."""
        connected = await self._health.database_connected()
        document = {
            "status": "healthy" if connected else "unhealthy",
            "database": "connected" if connected else "disconnected",
        }
        response = Response(200 if connected else 503, orjson.dumps(document))
        await response.send(send, request_id_of(scope), with_body=scope["method"] != "HEAD")


class Front:
    """The public application."""

    def __init__(self, gateway: Gateway, health: Health, lifespan: Lifespan | None = None) -> None:
        self._query = QueryRoute(gateway)
        self._rest = Starlette(
            routes=[
                Route("/query", self._query, methods=["POST"]),
                Route("/health", HealthRoute(health), methods=["GET"]),
            ],
            exception_handlers={HTTPException: _refuse_route},
            lifespan=lifespan,
        )
        self._rest.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the hot route first."""
        if scope["type"] == "http" and scope["path"] == "/query" and scope["method"] == "POST":
            await self._query(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


async def _refuse_route(request: Request, exc: Exception) -> StarletteResponse:
    """Answer what no route takes; `Allow` says what a path does take (RFC 9110 §15.5.6)."""
    assert isinstance(exc, HTTPException)  # noqa: S101 - that is what this handler is registered for
    request_id = request_id_of(request.scope)
    record = Record(request_id, perf_counter())
    allow = (exc.headers or {}).get("Allow")
    if allow is None:
        refusal = Refusal("not-found", "there is nothing at this path", hint="Send statements to `POST /query`.")
    else:
        refusal = Refusal("method-not-allowed", "this path does not take this method", hint=f"It takes {allow}.")
    response = render_refusal(refusal, request_id, ((b"allow", allow.encode()),) if allow else ())
    record.error, record.status, record.bytes_out = refusal.error, response.status, len(response.body)
    events.request_served(record)
    return _Sent(response, request_id)


class _Sent(StarletteResponse):
    """Our own response where Starlette wants one of its own."""

    def __init__(self, response: Response, request_id: str) -> None:
        super().__init__()
        self._response = response
        self._request_id = request_id

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await self._response.send(send, self._request_id, with_body=scope["method"] != "HEAD")


def create_admin(health: Health, problems: Callable[[], Sequence[str]]) -> Starlette:
    """Make the application of PROXY_ADMIN_LISTEN: `/livez`, `/readyz`, `/metrics`."""

    async def livez(_request: Request) -> StarletteResponse:
        return _json(200, {"status": "alive"})

    async def readyz(_request: Request) -> StarletteResponse:
        found = [*problems()] if await health.database_connected() else ["PostgreSQL does not answer", *problems()]
        return _json(503, {"status": "unready", "problems": found}) if found else _json(200, {"status": "ready"})

    async def show_metrics(_request: Request) -> StarletteResponse:
        return StarletteResponse(metrics.render(), media_type=metrics.CONTENT_TYPE)

    routes = [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", show_metrics)]
    return Starlette(routes=routes)


def _json(status: int, document: dict[str, Any]) -> StarletteResponse:
    return StarletteResponse(orjson.dumps(document), status, media_type="application/json")


@dataclass(frozen=True, slots=True)
class Applications:
    """The two applications of one process, the hot route's two ways in, and what a SIGHUP does to them."""

    public: Application
    answer: Answer
    take: Take
    admin: Application
    reload: Callable[[], None]


def create_applications(settings: Settings, folder: PolicyFolder) -> Applications:
    """Wire one process: `folder` is loaded already. Nothing is connected before the public application's lifespan."""
    assert settings.database_url is not None  # noqa: S101 - settings that serve have it
    server = Server(settings.database_url, None if settings.passfile is None else str(settings.passfile))
    tenants = Tenants(folder, server, login_of(settings.control_url), workers=settings.workers)
    authentication = Authentication(settings, _report_control, _report_keys)
    vetter = Vetter()
    verdicts, max_request_bytes = Verdicts(vetter.judge), settings.max_request_bytes
    gateway = Gateway(authentication.authenticate, tenants.by_name, verdicts, max_request_bytes=max_request_bytes)
    fast_path = FastPath(
        gateway, authentication.authenticate_at_once, tenants.by_name, verdicts, max_request_bytes=max_request_bytes
    )
    health = Health(tenants.probes)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await asyncio.gather(vetter.start(), authentication.start())
        watching = asyncio.create_task(tenants.watch())
        try:
            yield
        finally:
            watching.cancel()
            await authentication.stop()
            await tenants.close()
            await vetter.close()

    def problems() -> list[str]:
        return [*authentication.problems(), *vetter.problems()]

    return Applications(
        Front(gateway, health, lifespan),
        gateway.answer,
        fast_path.take,
        create_admin(health, problems),
        tenants.reload,
    )


def _report_control(problem: str | None) -> None:
    if problem is None:
        events.control_available()
    else:
        events.control_unavailable(problem)


def _report_keys(problem: str | None) -> None:
    if problem is None:
        events.issuer_keys_available()
    else:
        events.issuer_keys_unavailable(problem)
