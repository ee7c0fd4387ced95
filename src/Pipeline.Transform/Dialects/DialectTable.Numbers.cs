namespace Pipeline.Transform.Dialects;

public static partial class DialectTable
{
    /// <summary>Of at most three digits: a longer exponent ends a task of Spark in spite of TRY_CAST.</summary>
    private const string Number = @"^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,3})?\z";

    private const string Digits = @"^[+-]?[0-9]+\z";

    // A mantissa longer than the type before its exponent moves it: DuckDB needs the room.
    private const string DuckDbDecimal = "COALESCE(TRY_CAST(t AS DECIMAL(p, s)), TRY_CAST(TRY_CAST(t AS DECIMAL(38, s)) AS DECIMAL(p, s)))";

    private static SqlFunction[] Numbers =>
    [
        Of("is_number(t)", $"regexp_matches(t, '{Number}')", $"t RLIKE '{Number}'",
            (null, null), ("", "false"), ("12", "true"), ("-12.50", "true"), ("+7", "true"), ("3e4", "true"), ("3E-4", "true"), ("3e1234", "false"), ("12\n", "false"), (" 12", "false"),
            ("1.", "false"), (".1", "false"), ("NaN", "false"), ("Infinity", "false"), ("٤", "false"), ("7d", "false"), ("0x1", "false")),
        Parse("long", "BIGINT", ("9223372036854775807", "9223372036854775807"), ("9223372036854775808", null), ("-9223372036854775808", "-9223372036854775808")),
        Parse("int", "INT", ("2147483647", "2147483647"), ("2147483648", null), ("-2147483648", "-2147483648")),
        Parse("short", "SMALLINT", ("32767", "32767"), ("32768", null)),
        Parse("byte", "TINYINT", ("127", "127"), ("128", null)),
        Of("parse_double(t)", "CASE WHEN is_number(t) AND isfinite(TRY_CAST(t AS DOUBLE)) THEN TRY_CAST(t AS DOUBLE) END",
            "CASE WHEN is_number(t) AND abs(TRY_CAST(t AS DOUBLE)) < double('Infinity') THEN TRY_CAST(t AS DOUBLE) END",
            (null, null), ("0.25", "0.25"), ("-0", "-0.0"), ("2e10", "20000000000.0"), ("1e400", null), ("-1e309", null), ("1e-400", "0.0"), ("NaN", null), ("inf", null), ("3\n", null)),
        Of("parse_float(t)", "CASE WHEN is_number(t) AND isfinite(TRY_CAST(t AS FLOAT)) THEN TRY_CAST(t AS FLOAT) END",
            "CASE WHEN is_number(t) AND abs(TRY_CAST(t AS FLOAT)) < float('Infinity') THEN TRY_CAST(t AS FLOAT) END",
            (null, null), ("0.25", "0.25"), ("1e39", null), ("x", null)),
        Of("parse_decimal(t, p, s)", $"CASE WHEN is_number(t) THEN {DuckDbDecimal} END", "CASE WHEN is_number(t) THEN TRY_CAST(t AS DECIMAL(p, s)) END",
            (null, null), ("1234567890.125", "1234567890.13"), ("-0.005", "-0.01"), ("0.0049", "0.00"), ("2.5e3", "2500.00"), ("123456789012E-3", "123456789.01"), ("9999999999.995", null), ("1e10", null),
            ("1e9", "1000000000.00"), ("1e-999", "0.00"), ("1e1000", null), ("", null), ("4\n", null)) with { Example = "parse_decimal(t, 12, 2)" },
        Same("parse_boolean(t)", "CASE WHEN lower(t) IN ('true', 't', 'yes', 'y', '1') THEN true WHEN lower(t) IN ('false', 'f', 'no', 'n', '0') THEN false END",
            (null, null), ("TRUE", "true"), ("Yes", "true"), ("0", "false"), ("on", null), (" true", null), ("2", null)),

        // Numbers to numbers. A value that is no integer has none: it is never rounded to one.
        Same("whole(x)", "CASE WHEN x % 1 = 0 THEN x END", ("42.00", "42.00"), ("1.50", null), ("-0.25", null)) with { Example = "whole(CAST(t AS DECIMAL(12, 2)))" },
        // The bounds are those of a long: one engine would take the first double beyond it for the last within.
        Same("whole_double(x)", "CASE WHEN x % 1 = 0 AND x >= -9.223372036854775808E18 AND x < 9.223372036854775808E18 THEN x END",
            (null, null), ("42", "42"), ("-7", "-7"), ("1.5", null), ("-0.5", null), ("NaN", null), ("Infinity", null), ("2147483647.5", null), ("9223372036854774784", "9223372036854774784"), ("9223372036854775808", null),
            ("-9223372036854775808", "-9223372036854775808")) with { Example = "TRY_CAST(whole_double(CAST(t AS DOUBLE)) AS BIGINT)" },
        Of("to_float(x)", "CASE WHEN abs(TRY_CAST(x AS FLOAT)) < CAST('Infinity' AS FLOAT) THEN TRY_CAST(x AS FLOAT) END",
            "CASE WHEN abs(TRY_CAST(x AS FLOAT)) < float('Infinity') THEN TRY_CAST(x AS FLOAT) END", ("0.5", "0.5"), ("1e300", null), ("NaN", null)) with { Example = "to_float(CAST(t AS DOUBLE))" },
        // By the shortest text that means the double, half away from zero.
        Of("to_decimal(x, p, s)", DuckDbDecimal.Replace("(t AS", "(CAST(x AS VARCHAR) AS", StringComparison.Ordinal), "TRY_CAST(x AS DECIMAL(p, s))",
            ("1.005", "1.01"), ("-2.675", "-2.68"), ("0.125", "0.13"), ("1e15", "1000000000000000.00"), ("1e16", null), ("1e-7", "0.00"), ("NaN", null), ("Infinity", null)) with { Example = "to_decimal(CAST(t AS DOUBLE), 18, 2)" },
        Same("cents(x)", "CAST(CAST(x AS DECIMAL(19, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(21, 2))", (null, null), ("1999", "19.99"), ("-5", "-0.05"), ("0", "0.00"), ("9223372036854775807", "92233720368547758.07"))
            with { Example = "cents(CAST(t AS BIGINT))" },
        Of("divide(a, b, p, s)", "to_decimal(CAST(a AS DOUBLE) / NULLIF(CAST(b AS DOUBLE), 0), p, s)", "to_decimal(CAST(a AS DOUBLE) / NULLIF(CAST(b AS DOUBLE), 0), p, s)",
            [Row("1.01", "2.01", "2"), Row("0.33", "1", "3"), Row("-0.13", "-1", "8"), Row(null, "1", "0"), Row(null, "0", "0"), Row(null, null, "1"), Row("0.05", "0.1", "2")])
            with { Example = "divide(CAST(t AS DECIMAL(12, 2)), CAST(u AS DECIMAL(12, 2)), 18, 2)" },
    ];

    private static SqlFunction Parse(string name, string type, params (string? Argument, string? Value)[] bounds) =>
        Of($"parse_{name}(t)", $"CASE WHEN regexp_matches(t, '{Digits}') THEN TRY_CAST(t AS {type}) END", $"CASE WHEN t RLIKE '{Digits}' THEN TRY_CAST(t AS {type}) END",
            [.. ((string?, string?)[])[(null, null), ("", null), ("42", "42"), ("+42", "42"), ("-0", "0"), ("0042", "42"), ("42.0", null), ("4e1", null), ("42\n", null), (" 42", null), ("٤", null), ("4_2", null)], .. bounds]);
}
