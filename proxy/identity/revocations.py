"""Which tokens have been revoked: a view in memory, kept current from outside.

Where revocations are kept at all, nobody is let in before they have been
loaded once: a gateway that does not know what was revoked must not serve.
"""

from collections.abc import Mapping

from proxy.errors import Refusal


class Revocations:
    """The revoked `jti`s. `required` says that there is a store which must be read first."""

    def __init__(self, *, required: bool) -> None:
        self.loaded = not required
        self._tokens: dict[str, float | None] = {}

    def replace(self, tokens: Mapping[str, float | None]) -> None:
        """Take these for all there are: each `jti` with the time from which it need not be remembered, if known."""
        self._tokens = dict(tokens)
        self.loaded = True

    def add(self, tokens: Mapping[str, float | None]) -> None:
        """Take these for revoked too."""
        self._tokens.update(tokens)

    def __contains__(self, jti: object) -> bool:
        """Say whether the token of this id has been revoked."""
        return jti in self._tokens

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._tokens)

    def check_loaded(self) -> None:
        """Raise Refusal `database-unavailable` until revocations have been loaded."""
        if not self.loaded:
            raise Refusal(
                "database-unavailable",
                "The gateway does not know yet which tokens and keys are revoked.",
                hint="Try again in a moment.",
                retryable=True,
                retry_after_s=1.0,
            )
