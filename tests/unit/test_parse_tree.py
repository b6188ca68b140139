"""A tree as PostgreSQL shows it: what is taken out of it, and that nothing in it is passed over."""

import pytest

from proxy.database import parse_tree as module
from proxy.database.parse_tree import Permissions, is_of_statement, parse_tree, slices

RELATION = (
    '{RANGETBLENTRY :alias <> :eref {ALIAS :aliasname t :colnames ("id")} :rtekind 0 :relid 16400 :inh true'
    " :relkind r :rellockmode 1 :perminfoindex 1 :tablesample <> :lateral false :securityQuals <>}"
)
ASKED = (
    "{RTEPERMISSIONINFO :relid 16400 :inh true :requiredPerms 2 :checkAsUser 0 :selectedCols (b 8 9)"
    " :insertedCols <> :updatedCols <>}"
)
CALL = "{FUNCEXPR :funcid 870 :funcresulttype 25 :funcretset false :funcvariadic false :funcformat 0 :args <>}"
OPERATOR = "{OPEXPR :opno 96 :opfuncid 65 :args <>}"

UNNEST = (
    '{RANGETBLENTRY :alias {ALIAS :aliasname u :colnames ("a")} :eref {ALIAS :aliasname u :colnames ("a" "b")}'
    " :rtekind 3 :functions ({RANGETBLFUNCTION :funcexpr {FUNCEXPR :funcid 2331 :funcresulttype 16400 :funcretset true"
    " :funcvariadic false :funcformat 0 :args <>} :funccolcount 2})}"
)
NAMED = r"{TARGETENTRY :resname \{XMLEXPR :resno 1 :resname \{FUNCEXPR\ :funcid\ 1 :x 1}"


def tree_of(*parts: str) -> str:
    """Write a tree of these parts."""
    return f"{{QUERY :commandType 1 :rtable ({' '.join(parts)})}}"


def test_what_asks_for_rights_is_taken_out() -> None:
    """Relations with their columns, calls and operators, each by OID, and nothing that was not understood."""
    tree = parse_tree(tree_of(RELATION, ASKED, CALL, CALL.replace("funcformat 0", "funcformat 2"), OPERATOR))
    assert tree.permissions == (Permissions(16400, 2, "(b 8 9)", "<>", "<>"),)
    assert (tree.calls, tree.casts, tree.operators, tree.unknown) == ({870}, {870}, {96}, frozenset())


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ((RELATION,), "a relation that asks for nothing"),
        ((RELATION, ASKED.replace("16400", "16401")), "a relation that asks for nothing"),
        (
            (RELATION, ASKED, ASKED.replace(":selectedCols (b 8 9)", ":readCols (b 8 9)")),
            "2 permissions, 1 of them read",
        ),
        (
            (RELATION.replace('RANGETBLENTRY :alias <> :eref {ALIAS :aliasname t :colnames ("id")}', "CONST"), ASKED),
            "1 relations, 0 of them read",
        ),
        ((CALL.replace(":funcformat", ":form"),), "1 calls, 0 of them read"),
        ((CALL.replace("FUNCEXPR :funcid", "FUNCEXPR :id"), CALL), "2 calls, 1 of them read"),
        (("{AGGREF :fn 1 }",), "1 aggregates, 0 of them read"),
        ((OPERATOR.replace(":opno", ":op"),), "1 operators, 0 of them read"),
        (("{XMLEXPR :op 1}",), "a XMLEXPR"),
        (("{XMLEXPR}",), "a node without a name"),
        (("{SQLVALUEFUNCTION :word 10 :type 19}",), "1 words, 0 of them read"),
        (("{SQLVALUEFUNCTION :op 10 :type 19}",), "a word for the session"),
    ],
)
def test_what_is_not_understood_is_told(parts: tuple[str, ...], told: str) -> None:
    """A node that no list has, or one that is written otherwise than expected, is never one that asks for nothing."""
    assert told in parse_tree(tree_of(*parts)).unknown


def test_names_are_not_taken_for_nodes() -> None:
    """Braces in a name have a backslash before them."""
    assert not parse_tree(tree_of(NAMED)).unknown


def test_words_for_the_time_are_no_words_for_the_session() -> None:
    """CURRENT_DATE and its kin tell nothing about who is asking."""
    assert not parse_tree(tree_of("{SQLVALUEFUNCTION :op 0 :type 1082}", "{SQLVALUEFUNCTION :op 8 :type 1114}")).unknown


def test_commands_around_a_statement_are_no_statement() -> None:
    """PREPARE shows a tree of its own."""
    assert is_of_statement("{QUERY :commandType 1 :querySource 0")
    assert not is_of_statement("{QUERY :commandType 6 :querySource 0")
    assert is_of_statement("{QUERY\n:commandType 3 :querySource 0")


@pytest.mark.parametrize("end", [" ", "\n"])
def test_a_tree_is_read_the_same_in_slices(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """Wherever it is cut, and wherever its lines end."""
    parts = (RELATION, UNNEST, CALL, OPERATOR, NAMED, ASKED, "{XMLEXPR :op 1}")
    whole = parse_tree(tree_of(*parts))
    assert whole.unknown == {"a XMLEXPR", "an unnest of more columns than are named"}
    text = tree_of(*parts).replace(r"\ ", "_").replace(" ", end)
    for size in range(1, 400):
        monkeypatch.setattr(module, "SLICE", size)
        assert parse_tree(text) == whole, size
        assert "".join(slices(text)) == text.replace("\n", " ")
