"""PostgreSQL's own functions: the groups that a policy may list, and what no policy can allow.

The groups hold what applications call, after the chapters of PostgreSQL's
manual. In none of them, and so only by name: functions that make much out of
little (`generate_series`, `repeat`, `lpad`, `format`, `array_fill`). `FORBIDDEN` reaches
beyond the tables of a policy: files, other servers, settings, locks, large
objects, other sessions, the system catalogs, SQL from text.
"""

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType

_AGGREGATES = """
    any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp cume_dist
    dense_rank every json_agg json_agg_strict json_object_agg json_object_agg_strict json_object_agg_unique
    json_object_agg_unique_strict jsonb_agg jsonb_agg_strict jsonb_object_agg jsonb_object_agg_strict
    jsonb_object_agg_unique jsonb_object_agg_unique_strict max min mode percent_rank percentile_cont percentile_disc
    range_agg range_intersect_agg rank regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx
    regr_sxy regr_syy stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance
"""
_MATH = """
    abs acos acosd asin asind atan atan2 atan2d atand cbrt ceil ceiling cos cosd cosh cot cotd degrees div erf erfc
    exp factorial float4 float8 floor gcd int2 int4 int8 lcm ln log log10 min_scale mod numeric pi power radians
    random random_normal round scale sign sin sind sinh sqrt tan tand tanh trim_scale trunc width_bucket
"""
_TEXT = """
    ascii bit_length btrim casefold char_length character_length chr concat concat_ws convert_from convert_to
    decode encode initcap left length lower ltrim md5 normalize octet_length overlay parse_ident position
    quote_ident quote_literal quote_nullable regexp_count regexp_instr regexp_like regexp_match regexp_matches
    regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr replace reverse right rtrim sha224 sha256
    sha384 sha512 split_part starts_with string_to_array string_to_table strpos substr substring text to_ascii to_bin
    to_char to_hex to_number to_oct translate unistr upper varchar
"""
_DATETIME = """
    age clock_timestamp date date_add date_bin date_part date_subtract date_trunc extract interval isfinite
    justify_days justify_hours justify_interval make_date make_interval make_time make_timestamp make_timestamptz now
    overlaps statement_timestamp time timeofday timestamp timestamptz timetz timezone to_char to_date to_timestamp
    transaction_timestamp
"""
_JSON = """
    array_to_json json_array_elements json_array_elements_text json_array_length json_build_array json_build_object
    json_each json_each_text json_extract_path json_extract_path_text json_object json_object_keys
    json_populate_record json_populate_recordset json_strip_nulls json_to_record json_to_recordset json_typeof
    jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object
    jsonb_contained jsonb_contains jsonb_each jsonb_each_text jsonb_exists jsonb_exists_all jsonb_exists_any
    jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_keys jsonb_path_exists
    jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query jsonb_path_query_array
    jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz
    jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls
    jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json to_json to_jsonb
"""
_ARRAYS = """
    array_append array_cat array_dims array_length array_lower array_ndims array_position array_positions
    array_prepend array_remove array_replace array_reverse array_sample array_shuffle array_sort array_to_string
    array_upper cardinality generate_subscripts string_to_array trim_array unnest
"""
_FULLTEXT = """
    array_to_tsvector get_current_ts_config json_to_tsvector jsonb_to_tsvector numnode phraseto_tsquery
    plainto_tsquery querytree setweight strip to_tsquery to_tsvector ts_delete ts_filter ts_headline ts_rank ts_rank_cd
    tsquery_phrase tsvector_to_array websearch_to_tsquery
"""
_WINDOW = """
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
"""

GROUPS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "aggregates": frozenset(_AGGREGATES.split()),
        "math": frozenset(_MATH.split()),
        "text": frozenset(_TEXT.split()),
        "datetime": frozenset(_DATETIME.split()),
        "json": frozenset(_JSON.split()),
        "arrays": frozenset(_ARRAYS.split()),
        "fulltext": frozenset(_FULLTEXT.split()),
        "window": frozenset(_WINDOW.split()),
    }
)


def _read_builtin() -> frozenset[str]:
    text = files("proxy.policy").joinpath("builtin_functions.txt").read_text()
    return frozenset(line for line in text.split("\n") if line and not line.startswith("#"))


# Every function name of pg_catalog (`tools/list_builtin_functions.py` says of which versions).
BUILTIN = _read_builtin()

# Families by how their names begin, and single names.
_FORBIDDEN_PREFIXES = (
    "acl", "binary_upgrade_", "brin_", "col_description", "currtid", "cursor_to_xml", "database_to_xml", "dblink",
    "domain_", "gin_", "has_", "inet_client_", "inet_server_", "lo_", "loread", "lowrite", "pg_", "query_to_xml",
    "regclass", "regcollation", "regconfig", "regdictionary", "regnamespace", "regoper", "regproc", "regrole",
    "regtype", "row_security_", "schema_to_xml", "shobj_description", "table_to_xml", "to_reg", "ts_rewrite",
    "ts_stat", "txid_", "xml", "xpath",
)  # fmt: skip
_FORBIDDEN_NAMES = frozenset(
    """
    amvalidate crosstab current_database current_query current_role current_schema current_schemas current_setting
    current_user currval dblink getpgusername lastval nextval obj_description session_user set_config setval
    system_user user version
    """.split()
)
# Beginning like a family that is forbidden, and harmless.
_HARMLESS = frozenset({"pg_typeof", "pg_column_size", "pg_size_pretty", "pg_size_bytes", "pg_input_is_valid"})

FORBIDDEN = (
    frozenset(name for name in BUILTIN if name.startswith(_FORBIDDEN_PREFIXES) and name not in _HARMLESS)
    | _FORBIDDEN_NAMES
)


# Functions of well-known extensions that open other servers or files, or run SQL from text, in whatever schema.
_FORBIDDEN_EXTENSIONS = (
    "connectby", "crosstab", "cron_schedule", "dblink", "file_fdw_", "http_", "lo_manage", "pg_background",
    "pg_file_", "plpgsql_check", "postgres_fdw_", "set_limit", "xpath_table",
)  # fmt: skip


def is_forbidden(name: str) -> bool:
    """Say whether no policy can allow a function: one of PostgreSQL's that reaches out, or an extension's."""
    schema, _, bare = name.rpartition(".")
    return (schema in {"", "pg_catalog"} and bare in FORBIDDEN) or bare.startswith(_FORBIDDEN_EXTENSIONS)


@cache
def _expand(name: str) -> frozenset[str]:
    if name in GROUPS:
        return GROUPS[name]
    if name.startswith("pg_catalog."):
        name = name.removeprefix("pg_catalog.")
    if name in BUILTIN or "." in name:
        return frozenset({name})
    return frozenset({f"public.{name}"})


def expand(names: Iterable[str]) -> frozenset[str]:
    """Return the functions that a policy's `functions` allow: groups spelled out, single names with their schema.

    A function of pg_catalog is spelled bare, any other as `schema.name`.
    """
    return _expand_all(tuple(names))


@lru_cache(maxsize=256)
def _expand_all(names: tuple[str, ...]) -> frozenset[str]:
    """Expand once for all policies that list the same: the set is a hundred times as large as its names."""
    return frozenset().union(*(_expand(name) for name in names if not is_forbidden(name)))
