"""The regenerated text: what runs is spelled from the judged tree, never copied from the caller.

Each node class has one function here and each of those knows its arguments;
a class without one is denied. Names are always quoted, tables and functions
always carry their schema, comments are gone. Operators keep their order and
parentheses are the caller's own, so PostgreSQL reads the same structure.
"""

from proxy.vetting.spelling import changes, expressions, queries
from proxy.vetting.spelling.core import quote_literal, quote_name, spell

__all__ = ["changes", "expressions", "queries", "quote_literal", "quote_name", "spell"]
