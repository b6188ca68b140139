"""What may go wrong with a PostgreSQL that we start ourselves."""

from dataclasses import dataclass


@dataclass(slots=True)
class EmbeddedFailed(Exception):  # noqa: N818 - reads as what happened, like StatementFailed
    """No server could be found, prepared, started or stopped.

    `message` says what and where, `hint` what to do about it.
    """

    message: str
    hint: str | None = None

    def __str__(self) -> str:
        """Return message and hint, as a terminal shows them."""
        return f"{self.message} ({self.hint})" if self.hint else self.message
