"""text-plain: no NUL, no half characters, nothing outside quotes that a reader cannot see."""

from proxy.vetting.denial import Denial


def text_plain(sql: str) -> None:
    """Deny text that PostgreSQL would cut short or cannot be sent at all.

    Characters outside quotes are the lexer's to check, under this same rule.
    """
    nul = sql.find("\0")
    if nul != -1:
        raise Denial("text-plain", "the statement has a NUL byte", hint="Remove it.", at=nul)
    try:
        sql.encode()
    except UnicodeEncodeError as exc:
        raise Denial(
            "text-plain",
            "the statement has half of a surrogate pair",
            hint="Send the character whole.",
            at=exc.start,
        ) from None
