namespace Pipeline.Transform.Dialects;

/// <remarks>
/// Engines write a number of JSON through a double, each in its own form, and each takes another language for JSON. So a
/// document is held to RFC 8259 token by token, and of one whose numbers a double would change each number becomes a text with a
/// mark (U+0001), which no engine touches and which is taken off what comes out.
/// </remarks>
public static partial class DialectTable
{
    private const string Escape = """\\(?:["\\/bfnrt]|u(?:[0-9A-Ca-cEeFf][0-9A-Fa-f]{3}|[dD][0-7][0-9A-Fa-f]{2}|[dD][89ABab][0-9A-Fa-f]{2}\\u[dD][C-Fc-f][0-9A-Fa-f]{2}))""";

    private const string DuckDbTokens =
        $$"""^(?:[ \t\n\r]+|[{}\[\]:,]|"(?:[^"\\\x00-\x1f]+|{{Escape}})*"|-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)*\z""";

    // Possessive, so that a long document does not overflow Java's stack. A number that ends where another goes on is no number.
    private const string SparkTokens =
        $$"""^(?:[ \t\n\r]++|[{}\[\]:,]|"(?:[^"\\\x00-\x1f]++|{{Escape}})*+"|-?(?:0|[1-9][0-9]*+)(?:[.][0-9]++)?(?:[eE][+-]?[0-9]++)?(?![0-9.eE+-]|[ \t\n\r]*+:)|true|false|null)*+\z""";

    /// <summary>What DuckDB's parser takes beyond RFC 8259, if it is not within a text: a comma before the end, NaN, Infinity.</summary>
    private const string Lax = """regexp_matches(t, ',[ \t\n\r]*[}\]]') OR regexp_matches(t, ':[ \t\n\r]*-?(?:[nN][aA]|[iI])') OR regexp_matches(t, '^[ \t\n\r]*-?(?:[nN][aA]|[iI])') OR contains(t, '[') AND regexp_matches(t, '[,\[][ \t\n\r]*-?(?:[nN][aA]|[iI])')""";

    /// <summary>Too many digits, a zero at the end, an exponent, a small fraction, or -0.</summary>
    private const string Inexact = @"(?:-?(?:[0-9.]{17}|[0-9]+[.][0-9]+0[^0-9]|[0-9]+(?:[.][0-9]+)?[eE]|0[.]000)|-0[^.0-9])";

    private const string DuckDbIsJson =
        $$"""CASE WHEN t IS NULL THEN NULL WHEN NOT json_valid(t) THEN false WHEN {{Lax}} THEN regexp_matches(t, '{{DuckDbTokens}}') AND NOT regexp_matches(regexp_replace(t, '"(?:[^"\\]|\\.)*"', '', 'g'), ',[ \t\n\r]*[}\]]') ELSE true END""";

    // Both lengths: "}],[{" and "},0" pass one of them.
    private const string SparkIsJson =
        $"t RLIKE '{SparkTokens}' AND coalesce(json_array_length(concat('[', exact, ']')) = 1 AND json_array_length(concat('[', exact, ',0]')) = 2, false)";

    private static SqlFunction[] Json =>
    [
        Of("is_json(t)", $"({DuckDbIsJson})", "is_json_of(t, json_exact(t))", ("1", "true"), ("[1, 2]", "true"), ("[1, 2,]", "false"), ("\"a\"", "true"), ("nan", "false"), ("{\"a\":1} {}", "false"), ("", "false"), (null, null)),
        Of("is_json_of(t, exact)", "is_json(t)", $"CASE WHEN t IS NOT NULL THEN {SparkIsJson} END"),
        Of("is_json_object(t)", """CASE WHEN regexp_matches(t, '^[ \t\n\r]*[{]') THEN is_json(t) WHEN t IS NOT NULL THEN false END""", "is_json_object_of(t, json_exact(t))",
            (null, null), ("", "false"), ("{}", "true"), ("\n\t {\"a\" : [true, null, -1.5e+7]}\r\n", "true"), ("{\"a\":\",}\"}", "true"), ("{\"a\":1,}", "false"), ("{\"a\":[1 , ]}", "false"), ("{\"a\":NaN}", "false"),
            ("{\"a\":[-Infinity]}", "false"), ("{\"a\":\"NaN: nan, [inf\"}", "true"), ("[{\"a\":1}]", "false"), ("{\"a\":1}{\"b\":2}", "false"), ("{\"a\":1},{\"b\":2}", "false"), ("{\"a\":1}],[{", "false"), ("{\"a\":1},0", "false"),
            ("{'a':1}", "false"), ("{a:1}", "false"), ("{\"a\":01}", "false"), ("{\"a\":1.}", "false"), ("{\"a\":+1}", "false"), ("{\"a\":\"\t\"}", "false"), ("{\"a\":\"\\x\"}", "false"), ("{\"a\":\"\\ud800\"}", "false"),
            ("{\"a\":\"\\ud83d\\ude00\"}", "true"), ("{\"a\":TRUE}", "false"), ("\ufeff{}", "false"), ("\u00a0{}", "false"), ("{\"a\":1}//", "false"), ("{\"a\":12 3}", "false")),
        Of("is_json_object_of(t, exact)", "is_json_object(t)", $"CASE WHEN t IS NOT NULL THEN t RLIKE '^[ \\t\\n\\r]*+[{{]' AND {SparkIsJson} END"),
        Of("json_has_inexact(t)", $"""(regexp_matches(t, ':[ \t\n\r]*{Inexact}') OR contains(t, '[') AND regexp_matches(t, '[,\[][ \t\n\r]*{Inexact}'))""", "true"),
        Of("json_exact(t)",
            """replace(replace(replace(regexp_replace(t, '("(?:[^"\\]|\\.)*")|(-?[0-9][0-9.eE+-]*)', '\1' || chr(1) || '\2' || chr(2), 'g'), chr(1) || chr(2), ''), chr(1), '"\u0001'), chr(2), '"')""",
            // Null has a mark too: of a key that occurs twice Spark takes the first value that is not null.
            """replace(replace(replace(replace(regexp_replace(t, '("[^"\\]*+(?:\\.[^"\\]*+)*+")|(-?[0-9][0-9.eE+-]*+)|(null)', concat('$1', chr(1), '$2', chr(2), '$3', chr(3))), concat(chr(1), chr(2), 'null', chr(3)), '"\u0002"'), concat(chr(1), chr(2), chr(3)), ''), chr(1), '"\u0001'), concat(chr(2), chr(3)), '"')"""),
        Of("json_unmark(t)", """CASE WHEN left(t, 1) = chr(1) THEN substr(t, 2) WHEN t LIKE '{%' OR t LIKE '[%' THEN regexp_replace(t, '"\\u0001(-?[0-9][0-9.eE+-]*)"', '\1', 'g') ELSE t END""",
            """CASE WHEN left(t, 1) = chr(1) THEN substr(t, 2) WHEN t = chr(2) THEN NULL WHEN t LIKE '{%' OR t LIKE '[%' THEN replace(regexp_replace(t, '"\\u0001(-?[0-9][0-9.eE+-]*)"', '$1'), '"\u0002"', 'null') ELSE t END"""),
        Of("json_text(t, path)", "CASE WHEN json_has_inexact(t) THEN json_unmark(json_extract_string(json_exact(t), path)) ELSE json_extract_string(t, path) END", "json_unmark(get_json_object(json_exact(t), path))",
            ("{\"a\":1.50}", "1.50"), ("{\"a\":1234567890123456.78}", "1234567890123456.78"), ("{\"a\":1e3}", "1e3"), ("{\"a\":1e400}", "1e400"), ("{\"a\":-0}", "-0"), ("{\"a\":0.1}", "0.1"),
            ("{\"a\":12345678901234567890123}", "12345678901234567890123"), ("{\"a\":null}", null), ("{}", null), ("{\"a\":\"x\\n\\u00e9\"}", "x\né"), ("{\"a\":[1,2.50,{\"b\":1E2}]}", "[1,2.50,{\"b\":1E2}]"),
            ("{\"a\":{\"b\":null,\"c\":3}}", "{\"b\":null,\"c\":3}"), ("{\"a\":null,\"a\":2}", null), ("{\"a\":1,\"a\":2}", "1"), ("{\"a\":true}", "true"), ("{\"b\":\"\\\"a\\\":7\",\"a\":5}", "5")) with { Example = "json_text(t, '$.a')" },
        Of("get_json_object(t, path)", "CASE WHEN is_json(t) THEN json_text(t, path) END", "CASE WHEN is_json(t) THEN json_text(t, path) END", ("{\"a\":1.50}", "1.50"), ("{\"a\":1} x", null), ("{\"a\":1,}", null), ("x", null), (null, null))
            with { IsOurs = false, Example = "get_json_object(t, '$.a')" },
        // The items of an array as texts; null for what is none.
        Of("json_items(t)", $"CASE WHEN left(t, 1) = '[' THEN CASE WHEN is_json(t) THEN list_transform(from_json(json_exact(t), '[\"VARCHAR\"]'), lambda _json_item: json_unmark(_json_item)) END END",
            "CASE WHEN left(t, 1) = '[' AND is_json(t) THEN transform(from_json(json_exact(t), 'ARRAY<STRING>'), _json_item -> json_unmark(_json_item)) END",
            ("[\"a\",1.50,null]", "[\"a\",\"1.50\",null]"), ("[]", "[]"), ("{}", null), ("a", null), ("[1", null), ("[[1.0],{\"b\":2.10}]", "[\"[1.0]\",\"{\\\"b\\\":2.10}\"]")) with { Example = "list_text(json_items(t))" },
        // A JSON array as it is written; null for what is none.
        Of("json_array(t)", "CASE WHEN left(t, 1) = '[' THEN CASE WHEN is_json(t) THEN t END END", "CASE WHEN left(t, 1) = '[' AND is_json(t) THEN t END", ("[1, {}]", "[1, {}]"), ("[]", "[]"), ("{}", null), ("a", null), ("[1", null), (null, null)),
        Of("list_text(x)", "CAST(to_json(x) AS VARCHAR)", "to_json(x)"),
    ];
}
