namespace Pipeline.Transform.Graph;

/// <summary>
/// Of the functions that configured SQL may call (<see cref="SqlFunctions"/>) those that have the same answer on every engine: the
/// ones that engines share, as tried on each, and those of <see cref="Dialects.DialectTable"/>.
/// </summary>
internal static class PortableFunctions
{
    /// <summary>What the parser makes of INTERVAL '1' DAY; nobody can call them.</summary>
    public static readonly IReadOnlySet<string> OfIntervals = Set("to_days to_hours to_minutes to_months to_seconds to_weeks to_years");

    /// <summary>Of one row and of many; operators among them.</summary>
    public static readonly IReadOnlySet<string> Names = Set("""
        + - * / // % || ~~ !~~ ~~* !~~* like_escape not_like_escape ilike_escape not_ilike_escape
        abs ceil ceiling exp floor greatest isnan least ln pow power round sign sqrt trunc
        coalesce ifnull nullif if
        ascii char_length chr concat_ws contains encode hex instr lcase left length lower lpad ltrim md5 octet_length position regexp_extract regexp_like regexp_replace
        repeat replace reverse right rpad rtrim sha2 split_part starts_with substr substring translate trim ucase upper
        date_add date_part date_trunc datediff datepart day dayofmonth dayofweek dayofyear epoch_us hour last_day make_timestamptz minute month quarter weekofyear year
        to_days to_hours to_minutes to_months to_seconds to_weeks to_years
        is_number parse_long parse_int parse_short parse_byte parse_double parse_float parse_decimal parse_boolean parse_date parse_timestamp
        whole whole_double to_float to_decimal divide is_json is_json_object json_text get_json_object carries trim_space lower_ascii upper_ascii
        avg bool_and bool_or count count_if count_star max max_by min min_by sum
        cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
        """);

    /// <summary>What to write in place of functions that one engine has alone, or that say something else on another.</summary>
    public static readonly IReadOnlyDictionary<string, string> Forms = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
    {
        ["log"] = "ln(x)",
        ["log10"] = "ln(x) / ln(10)",
        ["log2"] = "ln(x) / ln(2)",
        ["concat"] = "a || b, which is null when one is, or concat_ws('', a, b), which leaves nulls out",
        ["row"] = "a < c OR (a = c AND b < d) for (a, b) < (c, d)",
        ["mod"] = "a % NULLIF(b, 0)",
        ["fdiv"] = "a // NULLIF(b, 0)",
        ["fmod"] = "a % NULLIF(b, 0)",
        ["**"] = "power(a, b)",
        ["^"] = "power(a, b)",
        ["regexp_matches"] = "regexp_like(t, 'pattern')",
        ["regexp_full_match"] = "regexp_like(t, '^(?:pattern)\\z')",
        ["~"] = "regexp_like(t, 'pattern')",
        ["~~~"] = "t LIKE 'pattern'",
        ["prefix"] = "starts_with(t, 'text')",
        ["^@"] = "starts_with(t, 'text')",
        ["ends_with"] = "t LIKE '%text'",
        ["suffix"] = "t LIKE '%text'",
        ["strpos"] = "instr(t, 'text')",
        ["len"] = "length(t)",
        ["strlen"] = "octet_length(t)",
        ["sha256"] = "sha2(t, 256)",
        ["unhex"] = "hex(x) = 'TEXT'",
        ["from_hex"] = "hex(x) = 'TEXT'",
        ["json_extract_string"] = "json_text(t, '$.name')",
        ["json_extract"] = "json_text(t, '$.name')",
        ["->"] = "json_text(t, '$.name')",
        ["->>"] = "json_text(t, '$.name')",
        ["json_valid"] = "is_json(t)",
        ["isfinite"] = "abs(x) < CAST('Infinity' AS DOUBLE)",
        ["isinf"] = "abs(x) = CAST('Infinity' AS DOUBLE)",
        ["date_diff"] = "datediff(a, b) for days",
        ["age"] = "datediff(a, b) for days",
        ["strftime"] = "CAST(d AS STRING), or EXTRACT(YEAR FROM d)",
        ["strptime"] = "parse_timestamp(t)",
        ["make_date"] = "parse_date('2026-01-31')",
        ["make_timestamp"] = "make_timestamptz(microseconds)",
        ["epoch"] = "epoch_us(t) // 1000000",
        ["epoch_ms"] = "epoch_us(t) // 1000",
        ["weekday"] = "dayofweek(d), for which Sunday is 1",
        ["isodow"] = "dayofweek(d), for which Sunday is 1",
        ["week"] = "weekofyear(d)",
        ["string_split"] = "split_part(t, ',', 1)",
        ["str_split"] = "split_part(t, ',', 1)",
        ["split"] = "split_part(t, ',', 1)",
        ["list_value"] = "rows, as in SELECT ... UNION ALL SELECT ...",
        ["unnest"] = "rows, as in SELECT ... UNION ALL SELECT ...",
        ["struct_pack"] = "columns of their own",
        ["arg_max"] = "max_by(x, y)",
        ["argmax"] = "max_by(x, y)",
        ["arg_min"] = "min_by(x, y)",
        ["argmin"] = "min_by(x, y)",
        ["string_agg"] = "min(x) and max(x), or rows",
        ["listagg"] = "min(x) and max(x), or rows",
        ["group_concat"] = "min(x) and max(x), or rows",
        ["median"] = "row_number() and count(*) over a window",
        ["first"] = "min_by(x, y)",
        ["last"] = "max_by(x, y)",
        ["any_value"] = "min(x)",
    };

    private static HashSet<string> Set(string names) =>
        new(names.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries), StringComparer.OrdinalIgnoreCase);
}
