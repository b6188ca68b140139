"""PostgreSQL's keywords by what they may not be (PostgreSQL 18, `src/include/parser/kwlist.h`).

A word in none of these sets is free to name anything. PostgreSQL 15 has the
same sets but for the SQL/JSON words, which stay reserved here on both.
"""

RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
    current_catalog current_date current_role current_time current_timestamp current_user default deferrable desc
    distinct do else end except false fetch for foreign from grant group having in initially intersect into lateral
    leading limit localtime localtimestamp not null offset on only or order placing primary references returning
    select session_user some symmetric system_user table then to trailing true union unique user using variadic when
    where window with
    """.split()
)

# May name a function or a type, not a column or a table.
TYPE_FUNC_NAME = frozenset(
    """
    authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join left like
    natural notnull outer overlaps right similar tablesample verbose
    """.split()
)

# May name a column or a table, not a function or a type: the grammar has its own use for `name (`.
COL_NAME = frozenset(
    """
    between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping inout int
    integer interval json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar
    json_serialize json_table json_value least merge_action national nchar none normalize nullif numeric out overlay
    position precision real row setof smallint substring time timestamp treat trim values varchar xmlattributes
    xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """.split()
)

# Need AS before them when they label an output column.
AS_LABEL = frozenset(
    """
    array as char character create day except fetch filter for from grant group having hour intersect into isnull
    limit minute month notnull offset on order over overlaps precision returning second to union varying where window
    with within without year
    """.split()
)

NOT_COLUMN_NAME = RESERVED | TYPE_FUNC_NAME
NOT_FUNCTION_NAME = RESERVED | COL_NAME
