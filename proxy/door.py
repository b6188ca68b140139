"""Who is let in: tokens and keys checked against what this process knows, and that knowledge kept current."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import time

from proxy.identity.authenticator import Authenticator
from proxy.identity.claims import Expected
from proxy.identity.keys import KeyRing
from proxy.identity.principal import Principal
from proxy.identity.revocations import Revocations
from proxy.identity.signing_keys import SigningKey
from proxy.identity.tokens import TokenVerifier, UnknownSigningKey
from proxy.issuer import IssuerKeys
from proxy.settings import Settings
from proxy.telemetry import events


class Door:
    """Identifies callers. `open` keeps the issuer's keys current for as long as it lasts."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.jwt_secret
        self._expected = Expected(settings.jwt_issuer, settings.jwt_audience)
        self._authenticator = Authenticator(self._verifier(()), KeyRing(), Revocations(required=False))
        self._issuer = IssuerKeys(settings.jwt_keys, self._take) if settings.jwt_keys else None

    async def identify(self, credential: str) -> Principal:
        """Return whom a token or an API key speaks for, or raise Refusal `token-…` (`database-unavailable`)."""
        try:
            return self._authenticator.authenticate(credential, time())
        except UnknownSigningKey:
            # The issuer may have new keys; it is asked at most every few seconds, whoever asks us.
            if self._issuer is None or not await self._issuer.look_again():
                raise
            return self._authenticator.authenticate(credential, time())

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Read the issuer's keys and follow them. Raises KeyInvalid where they cannot be had at first."""
        if self._issuer is not None:
            await self._issuer.start()
        try:
            yield
        finally:
            if self._issuer is not None:
                await self._issuer.stop()

    def _verifier(self, keys: tuple[SigningKey, ...]) -> TokenVerifier:
        return TokenVerifier(self._secret, keys, self._expected)

    def _take(self, keys: tuple[SigningKey, ...]) -> None:
        self._authenticator.replace_verifier(self._verifier(keys))
        events.issuer_keys_loaded([key.kid for key in keys])
