namespace Pipeline.Transform.Graph;

/// <summary>
/// The functions that configured SQL may call: their answer depends on their arguments alone, and they reach nothing of the
/// machine. Names of DuckDB's and of <see cref="Dialects.DialectTable"/>, in lower case.
/// </summary>
internal static class SqlFunctions
{
    /// <summary>From the values of one row to a value; operators among them.</summary>
    public static readonly IReadOnlySet<string> OfOneRow = Set("""
        + - * / // % ** ^ & | ~ << >> || ! -> ->> ^@ @ @> <@ && ~~ !~~ ~~* !~~* ~~~ !__postfix xor
        abs acos acosh add asin asinh atan atan2 atanh bit_count cbrt ceil ceiling cos cosh cot degrees divide even exp factorial fdiv floor fmod gamma gcd
        greatest greatest_common_divisor isfinite isinf isnan lcm least least_common_multiple lgamma ln log log10 log2 mod multiply nextafter pi pow power
        radians round round_even roundbankers sign signbit sin sinh sqrt subtract tan tanh trunc
        coalesce ifnull nullif if constant_or_null typeof cast_to_type
        ascii bar base64 bin bit_length char_length character_length chr concat concat_ws contains damerau_levenshtein decode editdist3 encode ends_with
        format format_bytes from_base64 from_hex hamming hex instr jaccard jaro_similarity jaro_winkler_similarity lcase left left_grapheme length
        length_grapheme levenshtein like_escape not_like_escape ilike_escape not_ilike_escape lower lpad ltrim mismatches nfc_normalize octet_length ord overlay
        position prefix printf regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array
        repeat replace reverse right right_grapheme rpad rtrim split split_part starts_with str_split str_split_regex string_split string_split_regex
        string_to_array strip_accents strlen strpos substr substring substring_grapheme suffix to_base to_base64 to_binary to_hex translate trim ucase unbin
        unhex unicode upper url_decode url_encode
        hash md5 md5_number sha1 sha256
        century date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear days_in_month
        decade epoch epoch_ms epoch_ns epoch_us era hour isodow isoyear julian last_day make_date make_time make_timestamp make_timestamp_ms make_timestamptz
        microsecond millennium millisecond minute month monthname nanosecond quarter second strftime strptime time_bucket timezone timezone_hour
        timezone_minute to_centuries to_days to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds
        to_timestamp to_weeks to_years try_strptime week weekday weekofyear year yearweek
        array_append array_cat array_concat array_contains array_distinct array_extract array_filter array_has array_has_all array_has_any array_indexof
        array_intersect array_length array_position array_prepend array_reverse array_reverse_sort array_slice array_sort array_to_string array_transform
        array_unique array_value array_zip array_apply apply cardinality element_at filter flatten len list_append list_apply list_avg list_cat list_concat
        list_contains list_count list_distinct list_element list_extract list_filter list_has list_has_all list_has_any list_indexof list_intersect list_max
        list_median list_min list_pack list_position list_prepend list_product list_reduce list_reverse list_reverse_sort list_slice list_sort list_sum
        list_transform list_unique list_value list_where list_zip map map_concat map_contains map_entries map_extract map_extract_value map_from_entries
        map_keys map_values reduce row struct_concat struct_contains struct_extract struct_extract_at struct_insert struct_keys struct_pack struct_update
        struct_values range generate_series
        from_json json json_array json_array_length json_contains json_exists json_extract json_extract_path json_extract_path_text json_extract_string
        json_keys json_merge_patch json_object json_quote json_structure json_type json_valid json_value to_json row_to_json array_to_json
        is_number parse_long parse_int parse_short parse_byte parse_double parse_float parse_decimal parse_boolean parse_date parse_timestamp is_json is_json_object
        json_text get_json_object carries regexp_like sha2 whole whole_double to_float to_decimal trim_space lower_ascii upper_ascii
        """);

    /// <summary>From the values of many rows to a value, as aggregates or over a window; or from a value to many rows.</summary>
    public static readonly IReadOnlySet<string> OfManyRows = Set("""
        approx_count_distinct arg_max arg_max_null arg_min arg_min_null argmax argmin array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count count_if
        count_star countif covar_pop covar_samp entropy favg first fsum geomean geometric_mean group_concat histogram kahan_sum kurtosis kurtosis_pop last list
        listagg mad max max_by mean median min min_by product quantile quantile_cont quantile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2
        regr_slope regr_sxx regr_sxy regr_syy sem skewness stddev stddev_pop stddev_samp string_agg sum sumkahan var_pop var_samp variance wavg weighted_avg
        cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank rank_dense row_number unnest
        """);

    /// <summary>Of <see cref="OfManyRows"/> those that give another answer for another order of the same rows.</summary>
    public static readonly IReadOnlySet<string> OrderMatters = Set("array_agg first group_concat last list listagg string_agg");

    /// <summary>Of <see cref="OfManyRows"/> those that do so over a window.</summary>
    public static readonly IReadOnlySet<string> OrderMattersOverWindow = Set("fill first_value lag last_value lead nth_value ntile row_number");

    /// <summary>Columns that DuckDB adds to what it reads.</summary>
    public static readonly IReadOnlySet<string> PlacesOfRows = Set("file_index file_row_number filename rowid");

    /// <summary>Names of values and functions that are others at each run; without brackets they look like columns.</summary>
    public static readonly IReadOnlySet<string> ChangingNames = Set("""
        ago current_catalog current_database current_date current_localtime current_localtimestamp current_query current_role current_schema current_time
        current_timestamp current_user gen_random_uuid get_current_time get_current_timestamp localtime localtimestamp now random session_user setseed today
        transaction_timestamp txid_current user uuid uuidv4 uuidv7
        """);

    /// <summary>All that may be called.</summary>
    public static IEnumerable<string> Names => OfOneRow.Concat(OfManyRows);

    private static HashSet<string> Set(string names) =>
        new(names.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries), StringComparer.OrdinalIgnoreCase);
}
