"""Wall one's second reader at work: what vetting allows is read by PostgreSQL, too, and any disagreement is a denial.

It fails closed. A statement that PostgreSQL could not be asked about is
refused, and nothing is kept of it: the next one who sends it asks anew.
"""

from proxy.database.pools import TenantPool
from proxy.database.reader import CannotRead, Reader, Refused
from proxy.errors import Refusal, StatementFailed
from proxy.policy.functions import expand
from proxy.policy.model import Policy
from proxy.policy.second_reader import GATEWAY_ROLE
from proxy.telemetry import events, metrics
from proxy.vetting.second_reading import disagreements
from proxy.vetting.verdict import Allowed, Denied, Verdict


class SecondReader:
    """Holds the verdicts on one policy's statements against PostgreSQL's own reading."""

    def __init__(self, policy: Policy, reader: Reader, pool: TenantPool) -> None:
        self._tenant = policy.tenant
        self._listed = expand(policy.functions)
        self._reader = reader
        self._pool = pool

    async def check(self, allowed: Allowed, request_id: str) -> Verdict:
        """Return the verdict if PostgreSQL agrees, and a denial if it sees more in the statement.

        Raises StatementFailed where PostgreSQL refuses the statement (it would
        have failed all the same), and Refusal `database-unavailable` where it
        cannot be asked.
        """
        try:
            reading = await self._reader.read(allowed.sql)
        except Refused as refused:
            raise await self._refused(allowed, refused, request_id) from refused
        except CannotRead as problem:
            raise self._unavailable(problem, request_id) from problem
        beyond = list(disagreements(allowed.touched, reading, self._listed))
        metrics.count_second_reading(self._tenant, "disagreed" if beyond else "agreed")
        if not beyond:
            return allowed
        events.vetting_disagreement(self._tenant, request_id, allowed.fingerprint, beyond)
        return Denied(
            "vetting-disagreement",
            "PostgreSQL sees more in this statement than the gateway does",
            hint="This is a gap in the gateway: please report the statement's shape. Its log says what was seen.",
            fingerprint=allowed.fingerprint,
        )

    async def probe(self) -> None:
        """Tell in the log if statements cannot be read."""
        try:
            await self._reader.probe()
        except Refused as refused:
            self._tell(CannotRead(str(refused)), None)
        except CannotRead as problem:
            self._tell(problem, None)

    async def _refused(self, allowed: Allowed, refused: Refused, request_id: str) -> StatementFailed | Refusal:
        """Return what the caller learns of a statement that PostgreSQL would not prepare for the second reader.

        It is the login's own failure, if the login meets one. If not, the two
        see different things, and the statement stays unread.
        """
        fault = await self._pool.fault(allowed.sql)
        if fault is None:
            problem = CannotRead(f"only the second reader is told: {refused}", not_set_up=True)
            return self._unavailable(problem, request_id)
        metrics.count_second_reading(self._tenant, "refused")
        fault.position = None  # it counts in the text that was regenerated, which the caller never saw
        return fault

    def _unavailable(self, problem: CannotRead, request_id: str) -> Refusal:
        metrics.count_second_reading(self._tenant, "failed")
        self._tell(problem, request_id)
        if problem.not_set_up:
            return Refusal("database-unavailable", "this tenant is not served at present", hint=_ASK_OPERATOR)
        return Refusal(
            "database-unavailable",
            "PostgreSQL could not be asked in time what the statement touches",
            hint="Nothing ran: send it again after the time that Retry-After names.",
            retryable=True,
            retry_after_s=1.0,
        )

    def _tell(self, problem: CannotRead, request_id: str | None) -> None:
        hint = None
        if problem.not_set_up:
            role = self._reader.role
            option = "" if role == GATEWAY_ROLE else f" --gateway-role {role}"
            hint = (
                f"apply what `policy sql {self._tenant}{option}` prints, as a superuser, in the tenant's database,"
                f" and let {role} log in there (pg_hba.conf, passwords)"
            )
        events.second_reader_unavailable(
            self._tenant,
            database=self._reader.database,
            role=self._reader.role,
            request_id=request_id,
            problem=str(problem),
            hint=hint,
        )


_ASK_OPERATOR = "Ask whoever runs the gateway: its log says why."
