"""Authenticate: the sentence's first verb, with all that it has to keep current.

Puts together what tells who is asking (`proxy.identity`), the issuer's public
keys (`proxy.issuer`) and the control database (`proxy.database.control_watch`).
One for each worker process.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from proxy.database.control_watch import ControlWatch
from proxy.identity.authenticator import Authenticator
from proxy.identity.claims import Expected
from proxy.identity.keys import KeyRing
from proxy.identity.principal import Principal
from proxy.identity.revocations import Revocations
from proxy.identity.tokens import TokenVerifier, UnknownSigningKey
from proxy.issuer import IssuerKeys, Keys
from proxy.settings import Settings

Report = Callable[[str | None], None]


class Authentication:
    """Tells whom a token or key speaks for. `start` before use, `stop` at the end.

    `report` is called with what is wrong with the control database and with
    None when it is well again; `report_keys` likewise of the issuer's keys.
    """

    def __init__(self, settings: Settings, report: Report | None = None, report_keys: Report | None = None) -> None:
        self._secret = settings.jwt_secret
        self._expected = Expected(settings.jwt_issuer, settings.jwt_audience)
        keys, revocations = KeyRing(), Revocations(required=settings.control_url is not None)
        self._authenticator = Authenticator(TokenVerifier(self._secret, (), self._expected), keys, revocations)
        self._issuer = IssuerKeys(settings.jwt_keys, self._take_keys, report_keys) if settings.jwt_keys else None
        self._control = (
            ControlWatch(settings.control_url, keys, revocations, passfile=settings.passfile, report=report)
            if settings.control_url
            else None
        )
        self._revocations = revocations

    async def start(self) -> None:
        """Load the issuer's keys, or raise KeyInvalid; begin to follow the control database.

        Where that does not answer in time the gateway starts all the same and
        lets nobody in until it does: `problems` says so.
        """
        if self._issuer is not None:
            await self._issuer.start()
        if self._control is not None:
            await self._control.start()

    async def stop(self) -> None:
        """Let go of connections and tasks."""
        if self._issuer is not None:
            await self._issuer.stop()
        if self._control is not None:
            await self._control.stop()

    async def authenticate(self, token: str, now: float) -> Principal:
        """Return the principal of a token or key, or raise Refusal; `now` is seconds since the epoch.

        Waits only where a token asks for a key that is not known: then for one
        look whether the issuer has it by now.
        """
        try:
            return self._authenticator.authenticate(token, now)
        except UnknownSigningKey:
            if self._issuer is None or not await self._issuer.look_again():
                raise
        return self._authenticator.authenticate(token, now)

    @property
    def authenticate_at_once(self) -> Callable[[str, float, bytes], Principal]:
        """Return the principal of a token or key, whose SHA-256 comes with it; likewise, but never waiting."""
        return self._authenticator.authenticate

    @property
    def ready(self) -> bool:
        """Whether anyone can be let in: what was revoked is known."""
        return self._revocations.loaded

    def problems(self) -> tuple[str, ...]:
        """Say what is not as it should be, for `/readyz`; empty while all is well."""
        found = []
        if self._control is not None and self._control.problem is not None:
            since = datetime.fromtimestamp(self._control.away_since or 0, UTC).isoformat(timespec="seconds")
            found.append(f"control database: {self._control.problem} (since {since})")
        if self._issuer is not None and self._issuer.problem is not None:
            found.append(f"token issuer's keys: {self._issuer.problem}")
        return tuple(found)

    @property
    def control_away_since(self) -> float | None:
        """Since when the control database has not answered, in seconds since the epoch; None while it does."""
        return self._control.away_since if self._control is not None else None

    def _take_keys(self, keys: Keys) -> None:
        self._authenticator.replace_verifier(TokenVerifier(self._secret, keys, self._expected))
