namespace Pipeline.Transform.Silver;

/// <summary>
/// Functions that generated and hand-written SQL may use beside the portable subset: the same names mean the same on
/// every engine. Here they are DuckDB macros; some replace built-ins whose behaviour differs between engines.
/// </summary>
public static class Prelude
{
    public const string DuckDb = """
        -- Text to values: null when the text is not one, never a guess.
        CREATE MACRO is_number(t) AS regexp_matches(t, '^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$');
        CREATE MACRO parse_long(t) AS CASE WHEN regexp_matches(t, '^[+-]?[0-9]+$') THEN TRY_CAST(t AS BIGINT) END;
        CREATE MACRO parse_int(t) AS CASE WHEN regexp_matches(t, '^[+-]?[0-9]+$') THEN TRY_CAST(t AS INTEGER) END;
        CREATE MACRO parse_short(t) AS CASE WHEN regexp_matches(t, '^[+-]?[0-9]+$') THEN TRY_CAST(t AS SMALLINT) END;
        CREATE MACRO parse_byte(t) AS CASE WHEN regexp_matches(t, '^[+-]?[0-9]+$') THEN TRY_CAST(t AS TINYINT) END;
        CREATE MACRO parse_double(t) AS CASE WHEN is_number(t) THEN TRY_CAST(t AS DOUBLE) END;
        CREATE MACRO parse_float(t) AS CASE WHEN is_number(t) THEN TRY_CAST(t AS FLOAT) END;
        CREATE MACRO parse_boolean(t) AS CASE lower(t)
          WHEN 'true' THEN true WHEN 't' THEN true WHEN 'yes' THEN true WHEN 'y' THEN true WHEN '1' THEN true
          WHEN 'false' THEN false WHEN 'f' THEN false WHEN 'no' THEN false WHEN 'n' THEN false WHEN '0' THEN false END;
        CREATE MACRO parse_date(t) AS CASE WHEN regexp_matches(t, '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') THEN TRY_CAST(t AS DATE) END;
        -- ISO 8601 to the second or finer; without an offset it is UTC.
        CREATE MACRO parse_timestamp(t) AS CASE WHEN regexp_matches(t,
          '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$') THEN TRY_CAST(t AS TIMESTAMPTZ) END;

        -- JSON documents as text.
        CREATE MACRO is_json_object(t) AS left(ltrim(t), 1) = '{' AND json_valid(t);
        CREATE MACRO json_texts(t, paths) AS json_extract_string(t, paths);
        CREATE MACRO get_json_object(t, path) AS CASE WHEN json_valid(t) THEN json_extract_string(t, path) END;

        -- Whether a change-capture row carries a column, by its list of those that it does; null means all.
        CREATE MACRO carries(changed, name) AS changed IS NULL OR contains(',' || changed || ',', ',' || name || ',');

        CREATE MACRO regexp_like(t, pattern) AS regexp_matches(t, pattern);
        CREATE MACRO regexp_replace(t, pattern, replacement) AS system.main.regexp_replace(t, pattern, replacement, 'g');
        CREATE MACRO sha2(t, bits) AS sha256(t);
        -- Days from the second date to the first.
        CREATE MACRO datediff(d, since) AS CAST(CAST(d AS DATE) - CAST(since AS DATE) AS INTEGER);
        -- Sunday is 1.
        CREATE MACRO dayofweek(d) AS CAST(date_part('dow', d) AS INTEGER) + 1;
        """;
}
