"""A row filter stands between parentheses, and may not get out of them."""

import pytest

from proxy.policy.expressions import fault_of

SOUND = [
    "user_id = current_setting('app.user')",
    "a = ')' AND (b = '(' OR c IN (1, 2))",
    "a = 'it''s; fine' AND \"odd;(name\" = 1",
    r"a = E'it\'s (' AND b = e'\\'",
    "a = 1 -- a comment; with (",
    "note = 'E'",
    "price > $1",
]
UNSOUND = {
    "a) OR (b": "it closes a parenthesis that it does not open",
    "(a": "it opens a parenthesis that it does not close",
    "a; DROP TABLE t": "it holds a semicolon",
    "a = 'open": "a string in it is not closed",
    'a = "open': "a quoted name in it is not closed",
    "a /* comment */": "it holds a comment (use -- to the end of the line)",
    "a = $$b$$": "it holds a dollar-quoted string (use '…')",
    "a = $tag$b$tag$": "it holds a dollar-quoted string (use '…')",
    r"a = '\') OR true": "it closes a parenthesis that it does not open",
    r"a = E'\'": "a string in it is not closed",
    "-- only a comment": "it says nothing",
    "  \n": "it says nothing",
}


@pytest.mark.parametrize("expression", SOUND)
def test_a_condition_is_taken(expression: str) -> None:
    """Strings, names and comments may hold anything."""
    assert fault_of(expression) is None


@pytest.mark.parametrize("expression", UNSOUND)
def test_what_is_no_single_condition_is_told(expression: str) -> None:
    """What ends the condition early, or never ends it, is refused with the reason."""
    assert fault_of(expression) == UNSOUND[expression]
