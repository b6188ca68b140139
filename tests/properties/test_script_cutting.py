"""Scripts are cut where PostgreSQL's own scanner cuts them (`pglast`), whatever stands in them."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pglast.parser import ParseError
from pglast.parser import split as cut_by_postgresql

from proxy.migrations.statements import ScriptInvalid, split

# Parentheses only in pairs: of what is not SQL anyway, the scanners think differently.
PIECES = [
    *("'", '"', "''", '""', "E'", "e'", "U&'", "B'", "n'", "\\", "\\'", "$$", "$a$", "a$$", "$1", "$é$", "$$$", "1$$"),
    *("1e5", "0x", "_", "é", "\u00a0", "--x", "/*", "*/", "\n", "\t", "\r", "\f", "\v", " ", "@", "||", "::", "%"),
    *("(a)", "(b;select c)", " begin ", " end ", " case ", " create ", " x "),
    # The scanner counts no statement without a keyword.
    *(";select ",) * 8,
]
SCRIPTS = st.lists(st.sampled_from(PIECES), max_size=14).map(lambda pieces: "select " + "".join(pieces))


@settings(max_examples=1500, deadline=None)
@given(SCRIPTS)
@example("select 1$$;select $$")
@example("select $1$$;select $$")
@example("select a$$;select b$$")
@example("select E'\\';select '")
@example("select '\\';select '")
@example("select /*/**/;select */ 1")
def test_a_script_is_cut_where_postgresql_cuts_it(script: str) -> None:
    """Neither is a semicolon in a string, a body or a comment an end, nor is one outside of them missed."""
    try:
        theirs = cut_by_postgresql(script, with_parser=False)
        ours = [statement.text for statement in split(script)]
    except (ParseError, ScriptInvalid):
        return  # a quote that never ends, a command of psql
    assert [text.split() for text in ours] == [text.split() for text in theirs]
