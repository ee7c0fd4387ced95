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
    Csv,
}

/// <summary>Rows of one shape: a table for people, objects or lines of comma-separated values for programs.</summary>
internal sealed class Listing(params Column[] columns)
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

    public static JsonSerializerOptions OnOneLine { get; } = new(Json) { WriteIndented = false };

    public int Count => _rows.Count;

    public IReadOnlyList<object?[]> Rows => _rows;

    public void Add(params object?[] row)
    {
        if (row.Length != columns.Length) throw new ArgumentException($"{row.Length} values for {columns.Length} columns.", nameof(row));
        _rows.Add(row);
    }

    /// <summary>For people; an empty table prints nothing.</summary>
    public void PrintTable(NodeContext context)
    {
        if (Count > 0) PrintTable(context.DataConsole());
    }

    /// <summary>RFC 4180, with the columns' names first: what is no single value is a document of JSON.</summary>
    public void PrintCsv(TextWriter writer)
    {
        Write(columns.Where(column => column.Name is not null).Select(column => column.Name!));
        foreach (var row in _rows) Write(Named(row).Select(cell => Csv(cell.Value)));

        void Write(IEnumerable<string> cells) => writer.Write($"{string.Join(',', cells.Select(Quoted))}\r\n");
    }

    public JsonArray ToJson() => new([.. _rows.Select(row => (JsonNode)new JsonObject(Named(row).Select(cell => KeyValuePair.Create(cell.Name, cell.Value))))]);

    /// <summary>A decimal keeps all of its digits.</summary>
    public static JsonNode? ToJson(object? value) => value switch
    {
        Cell cell => cell.Value?.DeepClone(),
        TimeSpan span => Math.Round(span.TotalSeconds, 6),
        SqlDecimal number => JsonNode.Parse(number.ToString()),
        JsonNode node => node.DeepClone(),
        _ => JsonSerializer.SerializeToNode(value, Json),
    };

    public static string Format(object? value) => value switch
    {
        null => "",
        Cell cell => cell.Text ?? "",
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

    private IEnumerable<(string Name, JsonNode? Value)> Named(object?[] row)
    {
        foreach (var (column, value) in columns.Zip(row))
        {
            if (column.Name is not { } name) continue;
            if (value is TimeSpan && !name.EndsWith("_seconds", StringComparison.Ordinal)) throw new InvalidOperationException($"Column {name} holds durations: its name is to end in _seconds.");
            yield return (name, ToJson(value));
        }
    }

    private static string Csv(JsonNode? value) => value switch
    {
        null => "",
        JsonValue single when single.GetValueKind() == JsonValueKind.String => (string)single!,
        _ => value.ToJsonString(OnOneLine),
    };

    private static string Quoted(string cell) => cell.AsSpan().IndexOfAny("\",\r\n") < 0 ? cell : $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private void PrintTable(IAnsiConsole console)
    {
        var table = new Table().Border(TableBorder.Simple);
        int[] shown = [.. Enumerable.Range(0, columns.Length).Where(i => columns[i].Title is not null)];
        foreach (var i in shown)
        {
            var isNumber = _rows.Exists(row => IsNumber(row[i])) && _rows.TrueForAll(row => row[i] is null || IsNumber(row[i]));
            table.AddColumn(new TableColumn(Markup.Escape(columns[i].Title!)) { Alignment = isNumber ? Justify.Right : Justify.Left });
        }

        foreach (var row in _rows) table.AddRow(shown.Select(i => new Text(Format(row[i]))));
        console.Write(table);
    }
}
