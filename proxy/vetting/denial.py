"""A denial on its way up: raised where a statement is understood, caught where the verdict is made."""

from dataclasses import dataclass


@dataclass(slots=True)
class Denial(Exception):  # noqa: N818 - the domain's word
    """A reason not to run a statement.

    `rule` is a slug of `proxy.vetting.rules`. `at` is an offset in the
    caller's text. `syntax` marks text that could not be read as PostgreSQL's
    grammar. `code` is a SQLSTATE: 42501 for what is not granted, 42703 and
    its kin for what does not exist. `final` marks what no policy can allow.
    """

    rule: str
    message: str
    hint: str | None = None
    at: int | None = None
    syntax: bool = False
    code: str = "42501"
    final: bool = False
