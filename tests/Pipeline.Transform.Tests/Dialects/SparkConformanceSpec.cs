using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using DuckDB.NET.Data;
using Pipeline.DuckDb;
using Pipeline.Testing;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Tests.Dialects;

/// <summary>
/// The rows that were tried on DuckDB and on two versions of Spark: where the dialect table has a form of its own it is asked, else
/// the row's. What is decided otherwise than a row expects stands here with its reason.
/// </summary>
public sealed partial class SparkConformanceSpec
{
    /// <summary>Functions of the rows that the dialect table has, as users write them.</summary>
    private static readonly Dictionary<string, string> Ours = new(StringComparer.Ordinal)
    {
        ["is_number(t)"] = "is_number(t)",
        ["parse_long(t)"] = "parse_long(t)",
        ["parse_int(t)"] = "parse_int(t)",
        ["parse_short(t)"] = "parse_short(t)",
        ["parse_byte(t)"] = "parse_byte(t)",
        ["parse_double(t)"] = "parse_double(t)",
        ["parse_float(t)"] = "parse_float(t)",
        ["parse_boolean(t)"] = "parse_boolean(t)",
        ["parse_date(t)"] = "parse_date(t)",
        ["parse_timestamp(t) -> micros"] = "epoch_us(parse_timestamp(t))",
        ["parse_decimal(12,2)(t)"] = "parse_decimal(t, 12, 2)",
        ["parse_decimal(38,10)(t)"] = "parse_decimal(t, 38, 10)",
        ["parse_decimal(38,0)(t)"] = "parse_decimal(t, 38, 0)",
        ["parse_decimal(5,5)(t)"] = "CAST(parse_decimal(t, 5, 5) AS DECIMAL(10, 5))",
        ["parse_decimal(18,4)(t)"] = "parse_decimal(t, 18, 4)",
        ["parse_decimal(12,2) recommended"] = "parse_decimal(t, 12, 2)",
        ["parse_decimal(38,10) recommended"] = "parse_decimal(t, 38, 10)",
        ["parse_decimal(18,4) recommended"] = "parse_decimal(t, 18, 4)",
        ["double -> decimal(18,2) by shortest text"] = "to_decimal(CAST(t AS DOUBLE), 18, 2)",
        ["divide(a,b,2) by double"] = "divide(CAST(t AS DECIMAL(12, 2)), CAST(u AS DECIMAL(12, 2)), 18, 2)",
        ["kpi_daily: by text"] = "divide(t, u, 18, 2)",
        ["carries(changed,name)"] = "carries(t, u)",
        ["datediff(t,u)"] = "datediff(t, u)",
        ["dayofweek"] = "dayofweek(CAST(t AS DATE))",
        ["trim white space portable"] = "trim_space(t)",
        ["ASCII lower/upper"] = "lower_ascii(t)",
        ["sha2(text,256)"] = "sha2(t, 256)",
        ["is_json_object(t)"] = "is_json_object(t)",
        ["is_json_object: depth 400, 900, 998, 1001, 2000, 20000"] = "is_json_object(t)",
        ["json_text(t,'$.a') exact, numbers marked"] = "json_text(t, '$.a')",
        ["regexp_replace(t,'([a-z])([0-9])','\\2\\1') "] = "regexp_replace(t, '([a-z])([0-9])', '\\2\\1')",
    };

    /// <summary>What rows without a portable meaning (<c>?</c>) mean here: a value that is decided by the table's form.</summary>
    private static readonly Dictionary<string, string?> Decided = new(StringComparer.Ordinal)
    {
        ["parse_decimal(5,5)(t)|1E-3"] = "0.00100",
        ["parse_decimal(5,5)(t)|1e-50"] = "0.00000",
        ["int / int|1,0"] = null,
        ["int / int|0,0"] = null,
        ["double / 0|1,0"] = null,
        ["double / 0|0,0"] = null,
        ["double / 0|-1,0"] = null,
    };

    /// <summary>Where DuckDB is another than the row expects.</summary>
    private static readonly Dictionary<string, string> Otherwise = new(StringComparer.Ordinal)
    {
        ["BIGINT -> INT (plain CAST)"] = "a plain CAST out of range ends the statement on both engines under ANSI; contracts use TRY_CAST",
        ["json key '*'"] = "contracts name members by letters, digits and _ alone",
        ["json key '*' by from_json"] = "contracts name members by letters, digits and _ alone",
        ["json key ''"] = "contracts name members by letters, digits and _ alone",
        ["json key '' by from_json"] = "contracts name members by letters, digits and _ alone",
    };

    [Fact]
    public void DuckDb_gives_every_row_its_expected_value()
    {
        var file = SharedFiles.Find("data/spark-conformance.json");
        Assert.SkipWhen(file is null, "There is no shared/data/spark-conformance.json beside the checkout.");
        using var document = JsonDocument.Parse(File.ReadAllText(file));
        using var session = DuckDbSession.Open(new DuckDbSettings(512L << 20, 2, Path.GetTempPath()), TestContext.Current.CancellationToken);
        session.Execute("SET preserve_insertion_order = true");

        var wrong = new List<string>();
        var (rows, values, decided) = (0, 0, 0);
        foreach (var row in document.RootElement.GetProperty("rows").EnumerateArray())
        {
            rows++;
            var name = row.GetProperty("function").GetString()!;
            var expected = row.GetProperty("expected").EnumerateArray().Select(value => value.GetString()).ToList();
            var inputs = row.GetProperty("inputs").EnumerateArray().Select(Columns).ToList();
            var form = Ours.TryGetValue(name, out var ours) ? SqlDialect.DuckDb.Render(ours) : row.GetProperty("duckdb").GetString()!;
            var seen = Values(session, form, inputs);
            for (var i = 0; i < expected.Count; i++)
            {
                values++;
                var key = $"{name}|{string.Join(",", inputs[i].Where(column => column is not null))}";
                if (expected[i] == "?" && !Decided.ContainsKey(key)) decided++;
                else if (Otherwise.ContainsKey(name)) decided++;
                else if (seen[i] != (expected[i] == "?" ? Decided[key] : expected[i])) wrong.Add($"{key}: expected {Show(expected[i] == "?" ? Decided[key] : expected[i])}, is {Show(seen[i])}");
            }
        }

        Assert.True(wrong.Count == 0, string.Join(Environment.NewLine, wrong));
        TestContext.Current.TestOutputHelper?.WriteLine($"{rows} functions and forms, {values} values, {decided} without a portable meaning or decided otherwise");
        Assert.Equal(Ours.Keys.Order(), document.RootElement.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("function").GetString()!).Where(Ours.ContainsKey).Distinct().Order());
    }

    private static string?[] Columns(JsonElement input) =>
        input.ValueKind == JsonValueKind.Array ? [.. input.EnumerateArray().Select(column => Nested(column.GetString()))] : [Nested(input.GetString())];

    /// <summary>Some texts are told, not written out.</summary>
    private static string? Nested(string? text) => text is null ? null : Told().Replace(text, told => int.Parse(told.Groups[1].Value, CultureInfo.InvariantCulture) is var depth
        ? new string('[', depth) + new string(']', depth) : "");

    [GeneratedRegex("… ([0-9]+) nested arrays …")]
    private static partial Regex Told();

    private static List<string?> Values(DuckDbSession session, string form, List<string?[]> inputs)
    {
        session.Execute("CREATE OR REPLACE TABLE i (id INTEGER, t VARCHAR, u VARCHAR, v VARCHAR)");
        foreach (var (input, id) in inputs.Select((input, id) => (input, id)))
            session.Execute($"INSERT INTO i VALUES ({id}, {string.Join(", ", Enumerable.Range(0, 3).Select(c => input.ElementAtOrDefault(c) is { } text ? Literal(text) : "NULL"))})");
        if (form.StartsWith("q:", StringComparison.Ordinal))
        {
            var rows = Rows(session, form[2..]);
            return [.. inputs.Select((_, i) => i < rows.Count ? rows[i] : "(none)")];
        }

        // A row that fails is told alone.
        return [.. inputs.Select((_, id) => Rows(session, $"SELECT ({form}) AS value FROM i WHERE id = {id}").Single())];
    }

    private static List<string?> Rows(DuckDbSession session, string query)
    {
        try
        {
            var columns = session.Rows($"DESCRIBE {query}").Select(column => (Name: (string)column[0]!, Type: (string)column[1]!)).ToList();
            var last = columns[^1];
            session.Execute($"CREATE OR REPLACE TEMP TABLE result AS {query}");
            var name = SqlDialect.DuckDb.Name(last.Name);
            var text = last.Type switch { "BLOB" => $"'x' || lower(hex({name}))", _ when last.Type.EndsWith("[]", StringComparison.Ordinal) => $"CAST(to_json({name}) AS VARCHAR)", _ => $"CAST({name} AS VARCHAR)" };
            return [.. session.Rows($"SELECT {text} FROM result ORDER BY rowid").Select(row => Plain((string?)row[0], last.Type))];
        }
        catch (DuckDBException e)
        {
            return [$"ERROR {e.Message.Split('\n')[0]}"];
        }
    }

    private static string? Plain(string? text, string type) => (type, text) switch
    {
        (_, null) => null,
        ("DOUBLE" or "FLOAT", "nan") => "NaN",
        ("DOUBLE" or "FLOAT", "inf") => "Infinity",
        ("DOUBLE" or "FLOAT", "-inf") => "-Infinity",
        ("FLOAT", _) => Python(float.Parse(text, CultureInfo.InvariantCulture)),
        _ when type.EndsWith("[]", StringComparison.Ordinal) => text.Replace(",", ", ", StringComparison.Ordinal),
        _ when type.StartsWith("DECIMAL", StringComparison.Ordinal) => text.StartsWith('.') ? "0" + text : text.Replace("-.", "-0.", StringComparison.Ordinal),
        _ => text,
    };

    /// <summary>A float as Python shows it, as a double.</summary>
    private static string Python(float value)
    {
        using var session = DuckDbSession.Open(new DuckDbSettings(16L << 20, 1, Path.GetTempPath()), TestContext.Current.CancellationToken);
        return (string)session.Scalar($"SELECT CAST(CAST('{((double)value).ToString("R", CultureInfo.InvariantCulture)}' AS DOUBLE) AS VARCHAR)")!;
    }

    private static string Literal(string text) => text.Contains('\0', StringComparison.Ordinal)
        ? $"decode(unhex('{Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(text))}'))" : SqlDialect.DuckDb.Text(text);

    private static string Show(string? value) => value is null ? "null" : $"'{value}'";
}
