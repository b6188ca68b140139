"""PostgreSQL's functions: groups of what exists, and what no file can allow."""

import pytest

from proxy.policy.functions import BUILTIN, FORBIDDEN, GROUPS, expand, is_forbidden

# Each stands for a family that reaches beyond the tables of a policy.
REACHING = [
    "pg_read_file", "pg_ls_dir", "pg_stat_file", "lo_import", "lo_get", "loread", "set_config", "current_setting",
    "pg_sleep", "pg_advisory_lock", "pg_try_advisory_xact_lock", "pg_terminate_backend", "pg_notify", "query_to_xml",
    "table_to_xml", "database_to_xmlschema", "cursor_to_xml", "xpath", "xmlagg", "ts_stat", "ts_rewrite", "nextval",
    "setval", "currval", "lastval", "has_table_privilege", "to_regclass", "regclass", "pg_get_viewdef", "txid_current",
    "pg_current_xact_id", "pg_export_snapshot", "col_description", "current_query", "inet_server_addr", "version",
    "pg_logical_emit_message", "pg_stat_get_activity", "dblink", "aclexplode", "row_security_active",
]  # fmt: skip
# Much out of little: allowed by name, and in no group.
BOMBS = ["generate_series", "repeat", "lpad", "rpad", "array_fill", "format", "bpchar"]


def test_groups_hold_what_postgresql_has() -> None:
    """Every name of a group is a function of pg_catalog, and none is forbidden."""
    for group, names in GROUPS.items():
        assert names <= BUILTIN, group
        assert not names & FORBIDDEN, group


@pytest.mark.parametrize("name", REACHING)
def test_what_reaches_out_is_never_allowed(name: str) -> None:
    """Naming a forbidden function allows nothing, with its schema or without."""
    assert is_forbidden(name)
    assert is_forbidden(f"pg_catalog.{name}")
    assert expand([name, f"pg_catalog.{name}"]) == frozenset()


@pytest.mark.parametrize("name", ["dblink_connect", "public.dblink", "ext.crosstab4", "http_get", "a.lo_manage"])
def test_extensions_that_reach_out_are_forbidden_in_any_schema(name: str) -> None:
    """Where an extension was installed makes no difference."""
    assert is_forbidden(name)
    assert expand([name]) == frozenset()


@pytest.mark.parametrize("name", BOMBS)
def test_what_makes_much_out_of_little_is_allowed_by_name_alone(name: str) -> None:
    """No group brings it along."""
    assert expand(GROUPS).isdisjoint({name})
    assert expand([name]) == {name}


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("aggregates", "count sum array_agg string_agg jsonb_agg percentile_cont"),
        ("math", "round abs random width_bucket"),
        ("text", "lower concat split_part md5 sha256 encode decode regexp_replace"),
        ("datetime", "now date_trunc extract date_part to_char age date make_interval"),
        ("json", "jsonb_build_object jsonb_set to_jsonb jsonb_path_query json_array_elements row_to_json"),
        ("arrays", "unnest array_length cardinality array_position"),
        ("fulltext", "to_tsvector websearch_to_tsquery ts_rank ts_headline"),
        ("window", "row_number lag first_value rank"),
    ],
)
def test_a_group_holds_what_one_expects(group: str, expected: str) -> None:
    """The functions that applications call most are in the group of their chapter."""
    assert set(expected.split()) <= GROUPS[group]


def test_names_are_spelled_as_vetting_spells_calls() -> None:
    """PostgreSQL's own are bare, others carry their schema, public where none is written."""
    assert expand(["lower", "pg_catalog.upper", "price", "app.price", "gen_random_uuid"]) == {
        "lower", "upper", "public.price", "app.price", "gen_random_uuid",
    }  # fmt: skip


def test_a_function_of_ones_own_may_bear_a_builtin_name() -> None:
    """In a schema of its own, a name that PostgreSQL has too is another function."""
    assert expand(["app.lower", "app.version"]) == {"app.lower", "app.version"}
