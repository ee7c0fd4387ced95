using System.Data.SqlTypes;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace Pipeline.Node.Cli;

internal enum OutputFormat
{
    Table,
    Json,
}

/// <summary>Rows of one shape, printed as a table for people or as a JSON array of objects for programs.</summary>
internal sealed class Listing(params string[] columns)
{
    private readonly List<object?[]> _rows = [];

    public static JsonSerializerOptions Json { get; } = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        // A column may hold NaN and infinities; JSON has no numbers for them.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        // Read by programs and people, never by a browser.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public int Count => _rows.Count;

    public void Add(params object?[] row)
    {
        if (row.Length != columns.Length) throw new ArgumentException($"{row.Length} values for {columns.Length} columns.", nameof(row));
        _rows.Add(row);
    }

    /// <summary>An empty table prints nothing; empty JSON is <c>[]</c>.</summary>
    public void Print(NodeContext context, OutputFormat format)
    {
        if (format == OutputFormat.Json) PrintJson(context.Data);
        else if (Count > 0) PrintTable(context.DataConsole());
    }

    public JsonArray ToJson() => new([.. _rows.Select(row => (JsonNode)new JsonObject(
        columns.Zip(row, (column, value) => KeyValuePair.Create(column.Replace(' ', '_'), ToJson(value)))))]);

    /// <summary>A decimal keeps all of its digits.</summary>
    private static JsonNode? ToJson(object? value) => value is SqlDecimal number ? JsonNode.Parse(number.ToString()) : JsonSerializer.SerializeToNode(value, Json);

    public static string Format(object? value) => value switch
    {
        null => "",
        long or int => ((IFormattable)value).ToString("#,0", CultureInfo.InvariantCulture),
        double number => number.ToString("#,0.##", CultureInfo.InvariantCulture),
        bool flag => flag ? "yes" : "no",
        DateTimeOffset time => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        TimeSpan span => FormatAge(span),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
    };

    private static string FormatAge(TimeSpan age) => age switch
    {
        { TotalSeconds: < 100 } => $"{age.TotalSeconds:0.0} s",
        { TotalMinutes: < 100 } => $"{age.TotalMinutes:0} min",
        { TotalHours: < 48 } => $"{age.TotalHours:0} h",
        _ => $"{age.TotalDays:0} days",
    };

    private static bool IsNumber(object? value) => value is long or int or double or TimeSpan;

    private void PrintJson(TextWriter writer) => writer.WriteLine(ToJson().ToJsonString(Json));

    private void PrintTable(IAnsiConsole console)
    {
        var table = new Table().Border(TableBorder.Simple);
        for (var i = 0; i < columns.Length; i++)
        {
            var isNumber = _rows.Exists(row => IsNumber(row[i])) && _rows.TrueForAll(row => row[i] is null || IsNumber(row[i]));
            table.AddColumn(new TableColumn(Markup.Escape(columns[i])) { Alignment = isNumber ? Justify.Right : Justify.Left });
        }

        foreach (var row in _rows) table.AddRow(row.Select(value => new Text(Format(value))));
        console.Write(table);
    }
}
