"""Every type of PostgreSQL: what goes in from JSON, and what comes out."""

import itertools
import math
from typing import Any

import asyncpg
import msgspec
import orjson
import pytest
from tenants_at_hand import Tenant

from proxy.database.values import parse_json
from proxy.errors import Refusal, StatementFailed

pytestmark = pytest.mark.every_postgresql

# One value for each base type, in the text that PostgreSQL writes: it goes in as it comes out.
SAMPLES: dict[str, Any] = {
    "bool": True,
    "bytea": "\\x00ff10",
    "char": "x",
    "name": "a name",
    "int8": "9223372036854775807",
    "int2": -32768,
    "int2vector": "1 2 3",
    "int4": 2147483647,
    "regproc": "now",
    "text": 'quoted " back\\slash, {braces} NULL \N{SNOWMAN}',
    "oid": "4294967295",
    "tid": "(1,2)",
    "xid": "42",
    "cid": "7",
    "oidvector": "23 25",
    "json": {"a": [1, 2.5, None, "x"], "b": {"c": True}},
    "xml": "<a>b</a>",
    "xid8": "18446744073709551615",
    "point": "(1,2.5)",
    "lseg": "[(0,0),(1,1)]",
    "path": "((0,0),(1,1),(2,0))",
    "box": "(1,1),(0,0)",
    "polygon": "((0,0),(1,1),(2,0))",
    "line": "{1,-1,0}",
    "float4": 0.1,
    "float8": 1.7976931348623157e308,
    "circle": "<(0,0),1>",
    "money": "$1,234.50",
    "macaddr": "08:00:2b:01:02:03",
    "inet": "192.168.0.1/24",
    "cidr": "10.0.0.0/8",
    "macaddr8": "08:00:2b:01:02:03:04:05",
    "aclitem": "postgres=r/postgres",
    "bpchar": "p",
    "varchar": "varied",
    "date": "2025-11-21",
    "time": "13:14:15.123456",
    "timestamp": "2025-11-21T13:14:15.123456",
    "timestamptz": "2025-11-21T13:14:15.123456Z",
    "interval": "1 year 2 mons 3 days 04:05:06.789",
    "timetz": "13:14:15+00",
    "bit": "1",
    "varbit": "10110",
    "numeric": "1234567890123456789012345678.901234567891",
    "refcursor": "cursor",
    "regprocedure": "abs(integer)",
    "regoper": "|/",
    "regoperator": "+(integer,integer)",
    "regclass": "pg_class",
    "regtype": "integer",
    "regrole": "postgres",
    "regnamespace": "public",
    "regcollation": '"C"',
    "regconfig": "english",
    "regdictionary": "simple",
    "uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "pg_lsn": "16/B374D848",
    "tsvector": "'cat':1 'fat':2",
    "tsquery": "'fat' & 'rat'",
    "jsonb": {"a": [1, 2.5, None, "x"], "b": {"c": True}},
    "jsonpath": '$."a"[*]',
    "txid_snapshot": "10:20:10,14",
    "pg_snapshot": "10:20:10,14",
    "int4range": "[1,10)",
    "numrange": "[1.5,2.5]",
    "tsrange": '["2025-01-01 00:00:00","2025-02-01 00:00:00")',
    "tstzrange": '["2025-01-01 00:00:00+00","2025-02-01 00:00:00+00")',
    "daterange": "[2025-01-01,2025-02-01)",
    "int8range": "[1,10)",
    "int4multirange": "{[1,3),[5,8)}",
    "nummultirange": "{[1.5,2.5]}",
    "tsmultirange": '{["2025-01-01 00:00:00","2025-02-01 00:00:00")}',
    "tstzmultirange": '{["2025-01-01 00:00:00+00","2025-02-01 00:00:00+00")}',
    "datemultirange": "{[2025-01-01,2025-02-01)}",
    "int8multirange": "{[1,3)}",
}
# Types of the catalogue's own whose input function refuses every text.
WITHOUT_INPUT = {
    "pg_node_tree",
    "pg_ndistinct",
    "pg_dependencies",
    "pg_mcv_list",
    "pg_brin_bloom_summary",
    "pg_brin_minmax_multi_summary",
    "gtsvector",
}

EXPECTS = "and PostgreSQL expects the type"

USERS_TYPES: list[tuple[str, str, Any]] = [
    ("CREATE TYPE mood AS ENUM ('sad', 'so so', 'he said \"hi\"')", "mood", 'he said "hi"'),
    ("CREATE TYPE mood AS ENUM ('sad', 'so so')", "mood[]", ["so so", None, "sad"]),
    ("CREATE DOMAIN age AS int CHECK (VALUE > 0)", "age", 5),
    ("CREATE DOMAIN age AS int CHECK (VALUE > 0)", "age[]", [5, None]),
    ("CREATE DOMAIN tags AS text[]", "tags", ["a", 'b"', None]),
    ("CREATE DOMAIN tags AS text[]", "tags[]", [["a"], None, ["b", "c,d"]]),
    ("CREATE DOMAIN doc AS jsonb", "doc", {"a": [1]}),
    ("CREATE DOMAIN inner_age AS int; CREATE DOMAIN age AS inner_age", "age", 7),
    ("CREATE TYPE pair AS (a int, b text)", "pair", '(1,"x y")'),
    ("CREATE TYPE pair AS (a int, b text)", "pair[]", ['(1,"x y")', None]),
    ("CREATE TYPE span AS RANGE (subtype = float8)", "span", "[1.5,2.5)"),
    ("CREATE TYPE span AS RANGE (subtype = float8)", "span[]", ["[1.5,2.5)", "empty"]),
    ("CREATE TYPE span AS RANGE (subtype = float8, multirange_type_name = spans)", "spans", "{[1.5,2.5),[3,4)}"),
]

READ_AS_TEXT: list[tuple[str, Any, Any]] = [
    ("int4", "5", 5),
    ("int4", 5, 5),
    ("int8", 2**63 - 1, "9223372036854775807"),
    ("int8", -(2**63), "-9223372036854775808"),
    ("bool", "yes", True),
    ("bool", 1, True),
    ("text", 5, "5"),
    ("text", True, "true"),
    ("date", "21 Nov 2025", "2025-11-21"),
    ("timestamptz", "2025-11-21T12:00:00+02:00", "2025-11-21T10:00:00Z"),
    ("timestamptz", "infinity", "infinity"),
    ("timestamptz", "0044-03-15 12:00:00+00 BC", "0044-03-15 12:00:00+00 BC"),
    ("timestamptz", "10000-01-01T00:00:00Z", "10000-01-01 00:00:00+00"),
    ("timestamp", "-infinity", "-infinity"),
    ("timestamp", "0044-03-15 12:00:00 BC", "0044-03-15 12:00:00 BC"),
    ("timestamp", "2025-11-21", "2025-11-21T00:00:00"),
    ("float8", "NaN", "NaN"),
    ("float8", "-inf", "-Infinity"),
    ("float4", "Infinity", "Infinity"),
    ("float8", 0.1, 0.1),
    ("float8", 5e-324, 5e-324),
    ("jsonb", [1, "a", None], [1, "a", None]),
    ("jsonb", '{"a": 1}', {"a": 1}),
    ("jsonb", True, True),
    ("jsonb", 5, 5),
    ("jsonb", "null", None),
    ("jsonb[]", [{"a": 1}, [1, 2], None], [{"a": 1}, [1, 2], None]),
    ("int4[]", [[1, 2], [3, None]], [[1, 2], [3, None]]),
    ("int4[]", [], []),
    ("int4[]", "{1,2}", [1, 2]),
    ("int4[]", "[0:1]={1,2}", [1, 2]),
    ("text[]", ["NULL", "null", "", " ", "a,b", "{", "\\", '"'], ["NULL", "null", "", " ", "a,b", "{", "\\", '"']),
    ("float8[]", ["NaN", 1], ["NaN", 1.0]),
    ("box[]", ["(1,1),(0,0)", None], ["(1,1),(0,0)", None]),
    ("timestamptz[]", ["2025-11-21T12:00:00.5Z"], ["2025-11-21T12:00:00.5Z"]),
    ("bytea[]", ["\\x00", "\\xff"], ["\\x00", "\\xff"]),
]

UNFIT: list[tuple[str, Any, str]] = [
    (
        "int4",
        {"a": 1},
        "parameter $1 is an object, and PostgreSQL expects the type int4 there: send it as a string",
    ),
    ("int4", [1], "parameter $1 is a list, and PostgreSQL expects the type int4 there: send it as a string"),
    (
        "int4[]",
        {"a": 1},
        "parameter $1 is an object, and PostgreSQL expects the type _int4 there: send it as a string",
    ),
    ("text", "a\0b", "parameter $1 contains the character U+0000, which PostgreSQL's text cannot hold"),
    ("text", "a\ud800b", "parameter $1 contains half of a surrogate pair, which is not text"),
    ("text[]", ["a\0b"], "parameter $1 contains the character U+0000, which PostgreSQL's text cannot hold"),
    ("int4[]", [[[[[[[1]]]]]]], "parameter $1 is an array of more than 6 dimensions"),
]

TYPES_SQL = """
SELECT t.oid::regtype::text AS type, t.typname::text AS name, e.typname::text AS element
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typoutput = 'array_out'::regproc
WHERE n.nspname = 'pg_catalog' AND t.typtype IN ('b', 'r', 'm') AND t.typrelid = 0
  AND NOT EXISTS (SELECT FROM pg_type i WHERE i.oid = t.typelem AND (i.typrelid <> 0 OR i.typtype = 'p'))
ORDER BY t.oid
"""


async def _reads_xml(tenant: Tenant) -> bool:
    """Say whether this server was built with XML."""
    try:
        await tenant.admin("SELECT '<a/>'::xml")
    except asyncpg.FeatureNotSupportedError:
        return False
    return True


async def test_every_type_goes_in_from_json_and_comes_out_equal(tenant: Tenant) -> None:
    """Each base, array, range and multirange type of pg_type takes what it gives."""
    without_input = WITHOUT_INPUT if await _reads_xml(tenant) else WITHOUT_INPUT | {"xml"}
    for type_name, name, element in await tenant.admin(TYPES_SQL):
        base = element or name
        if base in without_input:
            continue
        sample = SAMPLES[base]
        value = [sample, None, sample] if element else sample
        assert await tenant.value(f"SELECT $1::{type_name}", value) == value, type_name


async def test_types_made_by_users_go_in_and_come_out_equal(tenant: Tenant) -> None:
    """Enums, domains, composites and ranges of the user's own behave like those that are built in."""
    for declaration, type_name, value in USERS_TYPES:
        await tenant.admin(
            f"DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO {tenant.name}"
        )
        await tenant.admin(declaration)
        assert await tenant.value(f"SELECT $1::public.{type_name}", value) == value, declaration


async def test_a_type_created_after_the_connection_is_learned(tenant: Tenant) -> None:
    """A warm connection meets a type it has never heard of, and serves it all the same."""
    await tenant.run("SELECT 1")
    await tenant.admin("CREATE TYPE mood AS ENUM ('sad', 'happy')")
    assert await tenant.value("SELECT $1::public.mood", "happy") == "happy"
    assert await tenant.value("SELECT $1::public.mood[]", ["happy"]) == ["happy"]
    assert len(await tenant.backends()) == 1


async def test_a_value_is_read_as_postgresql_reads_its_text(tenant: Tenant) -> None:
    """Any JSON value binds to the parameter's type, and the answer has the contract's form."""
    for type_name, value, expected in READ_AS_TEXT:
        assert await tenant.value(f"SELECT $1::{type_name}", value) == expected, (type_name, value)


async def test_numbers_beyond_float_and_int64_stay_exact(tenant: Tenant) -> None:
    """Forty digits go in as a JSON number and come out as they were, also inside jsonb."""
    digits = "12345678901234567890.12345678901234567891"
    body = parse_json(f'[{digits}, {{"n": [{digits}]}}, {2**63 - 1}]'.encode())
    assert await tenant.value("SELECT $1::numeric", body[0]) == digits
    assert await tenant.value("SELECT $1::int8", body[2]) == str(2**63 - 1)
    result = await tenant.run("SELECT $1::jsonb AS d", body[1])
    assert msgspec.json.encode(result.rows) == f'[{{"d":{{"n": [{digits}]}}}}]'.encode()


async def test_large_integers_inside_json_come_out_exact(tenant: Tenant) -> None:
    """A jsonb document is inlined as PostgreSQL wrote it."""
    result = await tenant.run("SELECT '[12345678901234567890123]'::jsonb AS d")
    assert msgspec.json.encode(result.rows) == b'[{"d":[12345678901234567890123]}]'


async def test_null_is_null_for_every_shape(tenant: Tenant) -> None:
    """A JSON null binds SQL NULL, and NULL comes out as null."""
    for type_name in ("int4", "text", "jsonb", "int4[]", "bytea"):
        assert await tenant.value(f"SELECT $1::{type_name} IS NULL", None) is True
        assert await tenant.value(f"SELECT NULL::{type_name}") is None


async def test_a_value_without_a_text_form_is_refused_by_name(tenant: Tenant) -> None:
    """The parameter and the type are named, and the connection serves the next statement."""
    await tenant.run("SELECT 1")
    [before] = await tenant.backends()
    for type_name, value, message in UNFIT:
        with pytest.raises(Refusal) as refused:
            await tenant.run(f"SELECT $1::{type_name}", value)
        assert (refused.value.error, refused.value.message) == ("bad-request", message)
        [after] = await tenant.backends()
        assert (after["pid"], after["state"]) == (before["pid"], "idle")


async def test_the_wrong_number_of_parameters_is_refused(tenant: Tenant) -> None:
    """The message says how many the statement takes and how many came, on a cold and on a warm statement."""
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            await tenant.run("SELECT $1::int + $2::int", 1)
        assert refused.value.code == "08P01"
        assert refused.value.message == "the statement takes 2 parameters, 1 came"
    assert await tenant.value("SELECT $1::int + $2::int", 1, 2) == 3


async def test_as_many_parameters_as_postgresql_takes_pass(tenant: Tenant) -> None:
    """Its Bind message counts them in 16 bits."""
    most = 65_535
    sql = f"SELECT array_length(ARRAY[{','.join(f'${n}' for n in range(1, most + 1))}]::int[], 1)"
    assert await tenant.value(sql, *range(most)) == most


async def test_text_that_a_type_cannot_read_is_postgresqls_error(tenant: Tenant) -> None:
    """PostgreSQL's own SQLSTATE and words come through."""
    with pytest.raises(StatementFailed) as failed:
        await tenant.run("SELECT $1::int4", "five")
    assert failed.value.code == "22P02"
    assert failed.value.message == 'invalid input syntax for type integer: "five"'


async def test_columns_report_their_types_and_duplicate_names(tenant: Tenant) -> None:
    """`columns` lists every column; an object keeps the last of one name, and a list keeps both."""
    sql = "SELECT 1::int8 AS a, 'x'::varchar AS a"
    result = await tenant.run(sql)
    assert [tuple(column) for column in result.columns] == [("a", 20), ("a", 1043)]
    assert result.rows == [{"a": "x"}]
    assert (await tenant.run(sql, array_mode=True)).rows == [("1", "x")]


async def test_a_domain_is_reported_and_written_as_its_base_type(tenant: Tenant) -> None:
    """A domain over int4 comes out as a JSON number with int4's OID."""
    await tenant.admin("CREATE DOMAIN age AS int")
    result = await tenant.run("SELECT 5::public.age AS age")
    assert (result.rows, result.columns[0].type_oid) == ([{"age": 5}], 23)


async def test_a_parameter_takes_the_type_of_the_column_it_is_compared_with(tenant: Tenant) -> None:
    """No cast is needed: PostgreSQL infers the type, domain and enum columns included."""
    await tenant.admin(
        "CREATE TYPE mood AS ENUM ('sad'); CREATE DOMAIN age AS int;"
        "CREATE TABLE public.t (d date, m mood, a age, j jsonb, i int[], n numeric);"
        f"GRANT ALL ON public.t TO {tenant.name}"
    )
    values = ["2025-11-21", "sad", "5", {"a": 1}, [1, 2], 1.5]
    await tenant.run("INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6)", *values, writes=True)
    row = (await tenant.run("SELECT * FROM t WHERE d = $1 AND m = $2 AND a = $3", *values[:3], array_mode=True)).rows[0]
    assert orjson.loads(msgspec.json.encode(row)) == ["2025-11-21", "sad", 5, {"a": 1}, [1, 2], "1.5"]


async def test_parameters_are_texts_where_columns_are_binary(tenant: Tenant) -> None:
    """PostgreSQL reads the text of a type whose columns come in binary, of its arrays and its domains, too."""
    await tenant.admin("CREATE DOMAIN age AS int; CREATE DOMAIN flag AS bool; CREATE DOMAIN share AS float8")
    typed = [("bool", "yes", True), ("int2", " 7 ", 7), ("int4", "-5", -5), ("float8", "1e2", 100.0)]
    typed += [("public.age", "8", 8), ("public.flag", "off", False), ("public.share", "-inf", "-Infinity")]
    typed += [("int4[]", "{1,NULL}", [1, None]), ("float8[]", "{NaN}", ["NaN"]), ("bool[]", "{t,f}", [True, False])]
    columns = ", ".join(f"${n}::{name} AS c{n}" for n, (name, _, _) in enumerate(typed, 1))
    rows = ["SELECT " + columns, f"SELECT {columns} FROM generate_series(1, 40)"]
    for sql in rows:
        result = await tenant.run(sql, *(text for _, text, _ in typed), array_mode=True)
        assert orjson.loads(msgspec.json.encode(result.rows))[-1] == [value for _, _, value in typed]
    with pytest.raises(StatementFailed) as failed:
        await tenant.run("SELECT $1::int4, $1::int4 + 1", "five")
    assert failed.value.message == 'invalid input syntax for type integer: "five"'


async def test_columns_of_some_types_come_in_binary(tenant: Tenant) -> None:
    """Fewer bytes for a long number tell the one format from the other, with parameters and without."""
    for type_name, number, saved in (("int4", 1_000_000_000, 6), ("int2", -10_000, 4), ("float8", 1.23456789012, 5)):
        for sql, parameters in ((f"SELECT ({number})::{type_name}", ()), (f"SELECT $1::{type_name}", (number,))):
            binary, text = await tenant.run(sql, *parameters), await tenant.run(f"{sql}::text", *parameters)
            assert text.bytes - binary.bytes == saved, sql


async def test_columns_with_nulls_and_odd_values_are_what_each_value_is(tenant: Tenant) -> None:
    """However many rows there are, and whatever stands beside a value in its column."""
    values = [
        (None, None, None, None, None, None),
        (True, -1, 2147483647, 0.1, "2025-11-21T12:00:00.5Z", "2025-11-21T12:00:00"),
        (False, 7, -2147483648, "NaN", "infinity", "-infinity"),
        (None, 0, None, "-Infinity", "0044-03-15 12:00:00+00 BC", "0044-03-15 12:00:00 BC"),
        (True, None, 5, 1e300, "10000-01-01 00:00:00+00", "10000-01-01 00:00:00"),
    ]
    types = ("bool", "int2", "int4", "float8", "timestamptz", "timestamp")
    columns = ", ".join(f"v{n}::{name}" for n, name in enumerate(types))
    for usual in (0, 1, 30):
        rows = [values[1]] * usual + values
        texts = ", ".join("(" + ", ".join("NULL" if v is None else f"'{v}'" for v in row) + ")" for row in rows)
        result = await tenant.run(f"SELECT {columns} FROM (VALUES {texts}) AS v(v0, v1, v2, v3, v4, v5)")
        decoded = orjson.loads(msgspec.json.encode([*itertools.chain(*result.batches(10))]))
        assert [tuple(row.values()) for row in decoded] == rows


async def test_floats_come_out_as_they_went_in(tenant: Tenant) -> None:
    """float8 is exact in both directions, and a float4 keeps the digits that PostgreSQL shows."""
    for value in (0.1, 1 / 3, math.pi, -0.0, 2.2250738585072014e-308, 1e23):
        came_out = await tenant.value("SELECT $1::float8", value)
        assert (came_out, math.copysign(1, came_out)) == (value, math.copysign(1, value))
    for value in (0.1, 3.1415927, 1e-45, 3.4028235e38):
        assert await tenant.value("SELECT $1::float4", value) == value
