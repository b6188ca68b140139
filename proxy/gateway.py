"""The sentence: authenticate, admit, find the policy, vet the statement, execute it, respond.

`Gateway.query` is that sentence; what follows it are its clauses. What goes
wrong on the way is raised as Refusal or StatementFailed, and
`Gateway.answer` is the one place where that becomes an answer. Whatever else
is raised is a bug: its caller learns `internal` and nothing of it.
"""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter, time
from typing import assert_never

from proxy.database.results import Result
from proxy.errors import Refusal, StatementFailed
from proxy.identity.principal import Principal
from proxy.telemetry import events
from proxy.telemetry.record import Record
from proxy.tenants.tenant import Tenant
from proxy.verdicts import Verdicts
from proxy.vetting.verdict import Allowed, Denied
from proxy.wire.caller import Caller
from proxy.wire.head import ClientGone
from proxy.wire.query import Query, parse_query
from proxy.wire.response import Response, render_refusal, render_result
from proxy.wire.statuses import meaning_of, refusal_of

Authenticate = Callable[[str, float], Awaitable[Principal]]

# nginx's number for it; never sent, there being nobody to send it to.
CLIENT_GONE_STATUS = 499
# PostgreSQL's SQLSTATE for a missing right, and vetting's for what the policy does not grant.
NOT_GRANTED = "42501"


class Gateway:
    """Serves the queries of as many tenants as there are policies."""

    def __init__(
        self,
        authenticate: Authenticate,
        tenants: Mapping[str, Tenant],
        verdicts: Verdicts,
        *,
        max_request_bytes: int,
    ) -> None:
        self._authenticate = authenticate
        self._tenants = tenants
        self._verdicts = verdicts
        self._max_request_bytes = max_request_bytes

    async def query(self, caller: Caller, record: Record) -> Response:
        """Serve one `POST /query`. Raises Refusal, StatementFailed and ClientGone."""
        principal = await self._authenticate(caller.head.token()[0], time())
        record.tenant, record.role, record.credential_id = principal.tenant, principal.role, principal.credential_id
        tenant = self._tenants.get(principal.tenant)
        if tenant is None:
            raise Refusal("tenant-unknown", "there is no policy for the token's tenant", hint=_ASK_OWNER)
        with tenant.admitted():
            caller.head.check_body(self._max_request_bytes)
            query = parse_query(await caller.read_body(self._max_request_bytes))
            with caller.present():
                allowed = await self._vet(tenant, principal, query, record)
                execution = tenant.execution(allowed, query, principal)
                note_verdict(allowed, record)
                result = await self.conclude(execution.run(), tenant, allowed, query, record)
        return await render_result(result)

    async def conclude(
        self, execution: Awaitable[Result], tenant: Tenant, allowed: Allowed, query: Query, record: Record
    ) -> Result:
        """Return what a statement gave, and note what became of it. Raises as `query` does."""
        try:
            result = await execution
        except StatementFailed as failed:
            tenant.hear_of(failed)
            if allowed.sql != query.sql:
                failed.position = None  # it counts in the text that ran, which the caller never saw
            raise
        note_result(allowed, result, record)
        return result

    async def answer(self, caller: Caller) -> None:
        """Serve one `POST /query`, whatever comes of it: tell of it, and respond unless the caller is gone."""
        record = Record(caller.request_id, perf_counter())
        await self.see_through(caller, record, self.query(caller, record))

    async def see_through(self, caller: Caller, record: Record, query: Awaitable[Response]) -> None:
        """Wait for what is left of a query, and answer it, whatever comes of it."""
        response: Response | None = None
        try:
            response = await query
        except Refusal as refusal:
            response = _refuse(refusal, record)
        except StatementFailed as failed:
            response = _refuse(refusal_of(failed), record)
        except ClientGone:
            record.status = CLIENT_GONE_STATUS
        except CancelledError:
            # The server stops, and this request has outlasted its patience.
            response = _refuse(_stopping(record), record)
        except Exception as exc:  # noqa: BLE001 - the caller gets an answer even to our own bug
            events.internal_error(exc, caller.request_id)
            response = _refuse(_bug(record), record)
        if response is not None:
            record.status, record.bytes_out = response.status, len(response.body)
        record.duration_ms = (perf_counter() - record.started_s) * 1000
        events.request_served(record)
        if response is not None:
            await caller.respond(response)

    async def _vet(self, tenant: Tenant, principal: Principal, query: Query, record: Record) -> Allowed:
        """Judge the statement. Raises Refusal `statement-denied`."""
        catalog = await tenant.catalog()
        verdict = await self._verdicts.of(tenant, principal.role, query.sql, catalog, record)
        if isinstance(verdict, Denied) and verdict.code != NOT_GRANTED:
            # It names what was not there when the catalog was read; it may be by now.
            newer = await tenant.doubt_catalog()
            if newer.version != catalog.version:
                verdict = await self._verdicts.of(tenant, principal.role, query.sql, newer, record)
        match verdict:
            case Allowed():
                return verdict
            case Denied():
                record.fingerprint, record.verdict = verdict.fingerprint or None, "denied"
                if verdict.syntax and (fault := await tenant.syntax_fault(query.sql)):
                    # Not a matter of rights: PostgreSQL cannot read it either.
                    raise fault
                raise _denial(verdict)
            case _:
                assert_never(verdict)


def note_verdict(allowed: Allowed, record: Record) -> None:
    """Note what is about to run, and that it may be applied from now on."""
    record.fingerprint, record.command, record.verdict = allowed.fingerprint, allowed.command, "allowed"
    if allowed.observed is not None:
        record.verdict, record.rule = "observed", allowed.observed.rule
    if allowed.may_write:
        record.applied = "unknown"


def note_result(allowed: Allowed, result: Result, record: Record) -> None:
    """Note that it ran."""
    if allowed.writes:
        record.applied = "yes"
    record.rows = result.row_count


def _refuse(refusal: Refusal, record: Record) -> Response:
    record.error = refusal.error
    if refusal.error != "statement-denied" or record.verdict == "allowed":
        record.sqlstate = refusal.code
    if refusal.rule is not None:
        record.rule = refusal.rule
    return render_refusal(refusal, record.request_id)


def _denial(denied: Denied) -> Refusal:
    """Turn a denial into what the caller is told, in the shape of PostgreSQL's own errors."""
    return Refusal(
        "statement-denied" if denied.code == NOT_GRANTED else meaning_of(denied.code).error,
        denied.message,
        denied.code,
        detail=denied.detail,
        hint=denied.hint,
        position=denied.position,
        rule=denied.rule,
    )


def _stopping(record: Record) -> Refusal:
    return Refusal(
        "overloaded",
        "the gateway is stopping",
        hint="Try again." if record.applied == "no" else "Look before you retry a write.",
        applied=record.applied,
        retryable=record.applied == "no",
    )


def _bug(record: Record) -> Refusal:
    return Refusal(
        "internal",
        "something went wrong inside the gateway",
        hint="Report this with the request id.",
        applied=record.applied,
    )


_ASK_OWNER = "Ask whoever owns the gateway's policies."
