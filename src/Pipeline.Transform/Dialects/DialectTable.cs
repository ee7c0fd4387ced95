using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Pipeline.Transform.Dialects;

/// <summary>
/// The one table of what every engine has to agree on: each function that generated and configured SQL may call beside
/// the subset that the engines share, its form for each engine, and values that all of them give.
/// </summary>
/// <remarks>
/// <para>Forms are written with the standard's literals (<c>''</c> for a quote, a backslash is a backslash); the dialect writes
/// them anew. A form may call other functions of the table that no engine has of its own. A parameter stands for its argument;
/// in a type (<c>DECIMAL(p, s)</c>) the argument has to be a number.</para>
/// <para><c>\z</c>, not <c>$</c>: in Java <c>$</c> matches before a last line break too.</para>
/// </remarks>
public static partial class DialectTable
{
    public static FrozenDictionary<string, SqlFunction> Functions { get; } =
        ((IEnumerable<SqlFunction>)[.. Numbers, .. Times, .. Json, .. Texts]).ToFrozenDictionary(function => function.Name, StringComparer.OrdinalIgnoreCase);

    /// <summary>Literals, names, casts and operators, as users write them, with the values that every engine gives.</summary>
    public static ImmutableArray<SqlConstruct> Constructs { get; } =
    [
        new("a fraction without integer digits", "CAST(parse_decimal(t, 5, 5) AS DECIMAL(10, 5))", [Row("0.00100", "1E-3"), Row("0.00250", "25e-4"), Row(null, "0.999995"), Row(null, "1"), Row("0.00000", "1e-50")]),
        new("a quote in a text", "'it''s' || t", [Row("it'sx", "x")]),
        new("a backslash in a text", @"'\d
é' || t", [Row(@"\d
éx", "x")]),
        new("a quoted name", "\"t\" || \"u\"", [Row("ab", "a", "b")]),
        new("a comment with a quote", "t /* it's */ || u -- don't", [Row("ab", "a", "b")]),
        new("a comment that ends in a backslash", "t || -- C:\\\n u", [Row("ab", "a", "b")]),
        new("types of casts", "CAST(CAST(t AS INTEGER) AS VARCHAR) || hex(CAST(t AS BLOB)) || CAST(CAST(t AS DECIMAL(5, 2)) AS VARCHAR)", [Row("7377.00", "7")]),
        new("a text with a length", "CAST(t AS VARCHAR(2)) || CAST(u AS CHAR ( 1 ))", [Row("abcde", "abc", "de")]),
        new("a decimal without digits", "CAST(t AS DECIMAL) * CAST(CAST(u AS NUMERIC) AS DECIMAL(4, 3))", [Row("3.375000", "1.5", "2.25")]),
        new("a moment", "epoch_us(CAST(t AS TIMESTAMP)) - epoch_us(TIMESTAMP '1970-01-01 00:00:00')", [Row("1500000", "1970-01-01 00:00:01.5")]),
        new("a quotient", "CAST(t AS DOUBLE) / NULLIF(CAST(u AS DOUBLE), 0)", [Row("3.5", "7", "2"), Row(null, "1", "0"), Row(null, "0", "0")]),
        new("an integer quotient", "CAST(t AS BIGINT) // NULLIF(CAST(u AS BIGINT), 0)", [Row("3", "7", "2"), Row("-3", "-7", "2"), Row(null, "7", "0")]),
        new("a remainder", "CAST(t AS BIGINT) % NULLIF(CAST(u AS BIGINT), 0)", [Row("1", "7", "3"), Row("-1", "-7", "3"), Row(null, "7", "0")]),
        new("a product of decimals", "CAST(CAST(CAST(t AS INTEGER) AS DECIMAL(38, 2)) * CAST(u AS DECIMAL(12, 2)) AS DECIMAL(38, 2))", [Row("21474836469978525163.53", "2147483647", "9999999999.99")]),
        new("decimals to fewer digits", "TRY_CAST(CAST(t AS DECIMAL(18, 4)) AS DECIMAL(10, 2))", [Row("1.01", "1.005"), Row("-1.01", "-1.005"), Row(null, "99999999.995")]),
        new("a sum of texts with null", "t || u", [Row("ab", "a", "b"), Row(null, "a", null)]),
        new("a list of texts with null", "concat_ws(',', t, u, v)", [Row("a,c", "a", null, "c"), Row("", null, null, null)]),
        new("days after a day", "CAST(date_add(CAST(t AS DATE), CAST(u AS INTEGER)) AS DATE)", [Row("2024-03-01", "2024-02-28", "2")]),
        new("a month after a day", "CAST(CAST(t AS DATE) + INTERVAL '1' MONTH AS DATE)", [Row("2024-02-29", "2024-01-31")]),
        new("the month of a day", "CAST(date_trunc('month', CAST(t AS DATE)) AS DATE)", [Row("2024-02-01", "2024-02-29")]),
        new("parts of a day", "CAST(EXTRACT(YEAR FROM CAST(t AS DATE)) AS INT) * 100 + CAST(EXTRACT(MONTH FROM CAST(t AS DATE)) AS INT)", [Row("202402", "2024-02-29")]),
        new("a like with an escape", "t LIKE 'a!%%' ESCAPE '!'", [Row("true", "a%b"), Row("false", "ab")]),
    ];

    /// <param name="signature">As <c>divide(a, b, p, s)</c>.</param>
    private static SqlFunction Of(string signature, string? duckDb, string? spark, params (string? Argument, string? Value)[] rows) =>
        Of(signature, duckDb, spark, [.. rows.Select(row => new SqlExample([row.Argument], row.Value))]);

    private static SqlFunction Of(string signature, string? duckDb, string? spark, ImmutableArray<SqlExample> rows)
    {
        var open = signature.IndexOf('(', StringComparison.Ordinal);
        return new SqlFunction(signature[..open], [.. signature[(open + 1)..^1].Split(", ", StringSplitOptions.RemoveEmptyEntries)], duckDb, spark, rows);
    }

    /// <summary>One form for all engines.</summary>
    private static SqlFunction Same(string signature, string form, params (string? Argument, string? Value)[] rows) => Of(signature, form, form, rows);

    internal static SqlExample Row(string? value, params string?[] arguments) => new([.. arguments], value);
}
