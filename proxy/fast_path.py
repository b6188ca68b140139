"""The short way to say the sentence, where each of its steps has its answer at hand and PostgreSQL alone is waited for.

Nearly all requests come from a caller who is known, with a text that was
allowed before, and find a connection that has it prepared. For those,
`FastPath.take` asks each room in the sentence's order, and each answers for
this very moment: nothing here remembers what was allowed. Then there is no
task, no coroutine, and no turn of the loop but PostgreSQL's own. What one
room cannot answer at once, or what it refuses, goes the long way
(`Gateway.answer`) from the beginning: it alone says no, and it alone knows
how what goes wrong is told. What goes wrong after the statement was sent goes
on there, too, from where it stands.
"""

from collections.abc import Callable, Mapping
from time import perf_counter, time

import msgspec

from proxy.database.execute import Execution
from proxy.gateway import Gateway, note_result, note_verdict
from proxy.identity.principal import Principal
from proxy.telemetry import events, metrics
from proxy.telemetry.record import Record
from proxy.tenants.tenant import Tenant
from proxy.verdicts import Verdicts
from proxy.wire.exchange import Exchange
from proxy.wire.query import Query, parse_query
from proxy.wire.response import Response, render_at_once, render_result

AuthenticateAtOnce = Callable[[str, float, bytes], Principal]


class FastPath:
    """`take` begins to answer a request, or leaves it to the gateway."""

    def __init__(
        self,
        gateway: Gateway,
        authenticate: AuthenticateAtOnce,
        tenants: Mapping[str, Tenant],
        verdicts: Verdicts,
        *,
        max_request_bytes: int,
    ) -> None:
        self._gateway = gateway
        self._authenticate = authenticate
        self._tenants = tenants
        self._verdicts = verdicts
        self._max_request_bytes = max_request_bytes

    def take(self, exchange: Exchange) -> bool:
        """Answer a request as soon as PostgreSQL has; False: nothing was done, and the gateway is to answer it."""
        started_s = perf_counter()
        try:
            token, digest = exchange.head.token()
            principal = self._authenticate(token, time(), digest)
            exchange.head.check_body(self._max_request_bytes)
            query = parse_query(exchange.whole_body(self._max_request_bytes))
            tenant = self._tenants.get(principal.tenant)
            if tenant is None:
                return False
            allowed = self._verdicts.allowed(tenant, principal.role, query.sql)
            if allowed is None:
                return False
            execution = tenant.execution(allowed, query, principal)
        except Exception:  # noqa: BLE001 - the gateway meets it, too, and says what it is
            return False
        if not tenant.begin(execution):
            return False
        metrics.count_verdict(known=True)
        flight = Flight(self._gateway, exchange, principal, tenant, query, execution, started_s)
        exchange.is_answered(flight.cancel)
        execution.when_done(flight.land)
        return True


class Flight(msgspec.Struct, frozen=True):
    """A request whose statement was sent. It lands by itself, or goes on in a task where it cannot."""

    gateway: Gateway
    exchange: Exchange
    principal: Principal
    tenant: Tenant
    query: Query
    execution: Execution
    started_s: float

    def land(self) -> None:
        """Answer, now that PostgreSQL has."""
        result = self.execution.result()
        if result is None:
            self._go_on_in_task()
            return
        self.tenant.queue.inside -= 1
        exchange, principal, allowed = self.exchange, self.principal, self.execution.allowed
        exchange.is_left()
        response = None
        try:
            response = render_at_once(result)
        except Exception as exc:  # noqa: BLE001 - the gateway tells of our own bugs
            rest = _fail(exc)
        else:
            if response is None:
                rest = render_result(result)
        if response is None:
            record = self._record()
            note_result(allowed, result, record)
            exchange.start(self.gateway.see_through(exchange, record, rest))
            return
        observed = allowed.observed
        events.query_served(
            exchange.request_id,
            principal.tenant,
            principal.role,
            principal.credential_id,
            allowed.fingerprint,
            allowed.command,
            None if observed is None else observed.rule,
            perf_counter() - self.started_s,
            result.row_count,
            len(response.body),
        )
        if exchange.respond_at_once(response):
            exchange.end()
        else:
            exchange.start(exchange.respond(response))

    def cancel(self) -> None:
        """Be told that nobody waits for the answer any more."""
        self.execution.when_done(None)
        self._go_on_in_task()
        self.exchange.cancel()

    def _go_on_in_task(self) -> None:
        """Leave to a task what has to be waited for, or what went wrong."""
        self.exchange.is_left()
        record = self._record()
        self.exchange.start(self.gateway.see_through(self.exchange, record, self._rest(record)))

    async def _rest(self, record: Record) -> Response:
        execution = self.execution
        try:
            with self.exchange.present(has_begun=True):
                result = await self.gateway.conclude(
                    execution.finish(), self.tenant, execution.allowed, self.query, record
                )
        finally:
            self.tenant.queue.inside -= 1
        return await render_result(result)

    def _record(self) -> Record:
        principal, exchange = self.principal, self.exchange
        record = Record(exchange.request_id, self.started_s, principal.tenant, principal.role, principal.credential_id)
        note_verdict(self.execution.allowed, record)
        return record


async def _fail(exc: Exception) -> Response:
    raise exc
