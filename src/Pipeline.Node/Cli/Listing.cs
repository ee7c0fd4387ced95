using System.Data.SqlTypes;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Pipeline.Core;

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
        if (row.Length != columns.Length) throw new ArgumentException($"{Plural.Of(row.Length, "value")} for {Plural.Of(columns.Length, "column")}.", nameof(row));
        _rows.Add(row);
    }

    /// <summary>For people; an empty table prints nothing.</summary>
    public void PrintTable(NodeContext context)
    {
        foreach (var line in Lines(context.Screen?.Invoke().Width, Ink.Of(context))) context.Data.WriteLine(line);
    }

    /// <summary>As people read it; nothing where there are no rows.</summary>
    /// <param name="width">Of a terminal; null: as wide as it gets.</param>
    public IEnumerable<string> Lines(int? width, Ink ink)
    {
        return Count == 0 ? [] : Text(ink).Lines(width);
    }

    /// <summary>Whether its columns stand side by side in so many cells.</summary>
    public bool IsTableIn(int width) => Text(Ink.None).IsTableIn(width);

    private ListingText Text(Ink ink)
    {
        int[] shown = [.. Enumerable.Range(0, columns.Length).Where(i => columns[i].Title is not null)];
        return new ListingText(ink, [.. shown.Select(ColumnAt)], [.. CellsOf(shown)]);
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
        DateTimeOffset time => time.InWords(),
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

    private static bool IsNumber(object? value) => value is long or int or double or TimeSpan or SqlDecimal or Cell { IsNumber: true };

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

    private IEnumerable<IReadOnlyList<ListingCell>> CellsOf(int[] shown)
    {
        int[] digits = [.. columns.Select((_, i) => _rows.Max(row => row[i] is double number && double.IsFinite(number) ? DigitsOf(number) : 0))];
        foreach (var row in _rows) yield return [.. shown.Select(i => CellOf(columns[i], row[i], digits[i]))];
    }

    /// <summary>As many as <see cref="Format"/> shows behind the point.</summary>
    private static int DigitsOf(double number) => Format(number).Split('.') is [_, { Length: var digits }] ? digits : 0;

    /// <param name="digits">Behind the point, so that the points of a column stand below each other.</param>
    private static ListingCell CellOf(Column column, object? value, int digits)
    {
        var text = column.IsPlain ? Plain(value) : value is double number && double.IsFinite(number) ? number.ToString($"#,0.{new string('0', digits)}", CultureInfo.InvariantCulture) : Format(value);
        return new ListingCell(TextCells.OnOneLine(text), value is Cell cell ? cell.Tone : Tone.Plain);
    }

    /// <summary>All digits, and nothing between them.</summary>
    private static string Plain(object? value) => value is long or int or double ? Convert.ToString(value, CultureInfo.InvariantCulture)! : Format(value);

    private ListingColumn ColumnAt(int i)
    {
        var isNumber = _rows.Exists(row => IsNumber(row[i])) && _rows.TrueForAll(row => row[i] is null || IsNumber(row[i]));
        return new ListingColumn(columns[i].Title!, isNumber, isNumber || columns[i].IsWhole || _rows.Exists(row => IsMoment(Format(row[i]))), columns[i].IsExtra);
    }

    /// <summary>A date and a time of it.</summary>
    private static bool IsMoment(string text) => text.Length >= 16 && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out _);
}
