"""statement-kind: SELECT, VALUES, TABLE, INSERT, UPDATE, DELETE, and WITH before them; nothing else."""

from proxy.vetting.denial import Denial
from proxy.vetting.lexer import Token

KINDS = frozenset({"select", "values", "table", "insert", "update", "delete", "with"})

_COMMANDS = {
    "alter": "DDL",
    "create": "DDL",
    "drop": "DDL",
    "truncate": "DDL",
    "comment": "DDL",
    "grant": "a change of rights",
    "revoke": "a change of rights",
}
_KNOWN = frozenset(
    """
    abort alter analyse analyze begin call checkpoint close cluster comment commit copy create deallocate declare
    discard do drop end execute explain fetch grant import listen load lock merge move notify prepare reassign refresh
    reindex release reset revoke rollback savepoint security set show start truncate unlisten vacuum
    """.split()
)
_HINTS = {
    "begin": "Send the statements of a transaction to /batch.",
    "start": "Send the statements of a transaction to /batch.",
    "merge": "Use INSERT … ON CONFLICT, or UPDATE and INSERT apart.",
    "copy": "INSERT rows, or read them with SELECT.",
    "call": "Grant a function and SELECT it.",
    "explain": "An admin runs EXPLAIN on the server.",
    "show": "An admin reads settings on the server.",
}
_ADMIN_HINT = "An admin runs this on the server; schema changes are migrations."


def statement_kind(tokens: list[Token]) -> None:
    """Deny a statement by its first word."""
    first = next((token for token in tokens if not (token.kind == "mark" and token.text == "(")), tokens[-1])
    if first.kind == "word" and first.text in KINDS:
        return
    if first.kind == "word" and first.text in _KNOWN:
        kind = _COMMANDS.get(first.text)
        raise Denial(
            "statement-kind",
            f"{first.text.upper()} is not available through the gateway" + (f": it is {kind}" if kind else ""),
            hint=_HINTS.get(first.text, _ADMIN_HINT),
            at=first.start,
        )
    shown = "a string" if first.kind == "string" else f'"{first.text[:40]}"'
    raise Denial(
        "statement-kind",
        f"no statement begins with {shown}",
        hint="Begin with SELECT, INSERT, UPDATE, DELETE, VALUES or WITH.",
        at=first.start,
        syntax=True,
    )
