using System.Globalization;
using System.Text.RegularExpressions;
using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Transform.Contracts;

/// <summary>The column types of contracts, written as in Delta's schema: <c>long</c>, <c>decimal(12,2)</c>.</summary>
public static partial class ColumnType
{
    /// <summary>What may stand after <c>type =</c>.</summary>
    public const string Allowed = "string, long, int, short, byte, float, double, boolean, binary, date, timestamp, decimal(p,s)";

    public static readonly IReadOnlyList<string> Names =
        ["string", "long", "int", "short", "byte", "float", "double", "boolean", "binary", "date", "timestamp", "decimal(12,2)"];

    /// <summary>The Arrow type of a contract's type; null when there is no such type.</summary>
    public static IArrowType? TryParse(string text) => text switch
    {
        "string" => StringType.Default,
        "long" => Int64Type.Default,
        "int" or "integer" => Int32Type.Default,
        "short" => Int16Type.Default,
        "byte" => Int8Type.Default,
        "float" => FloatType.Default,
        "double" => DoubleType.Default,
        "boolean" => BooleanType.Default,
        "binary" => BinaryType.Default,
        "date" => Date32Type.Default,
        "timestamp" => BronzeColumns.Timestamp,
        _ => TryDecimal(text) ?? (IArrowType?)TryArray(text),
    };

    /// <summary>The contract's word for an Arrow type of the lake: the inverse of <see cref="TryParse"/>.</summary>
    /// <exception cref="NotSupportedException">The type cannot be in a table of the lake.</exception>
    public static string Format(IArrowType type) => type switch
    {
        StringType => "string",
        Int64Type => "long",
        Int32Type => "int",
        Int16Type => "short",
        Int8Type => "byte",
        FloatType => "float",
        DoubleType => "double",
        BooleanType => "boolean",
        BinaryType => "binary",
        Date32Type => "date",
        TimestampType => "timestamp",
        Decimal128Type d => $"decimal({d.Precision},{d.Scale})",
        ListType list => $"array<{Format(list.ValueDataType)}>",
        _ => throw new NotSupportedException($"Arrow type {type.Name} has no name in contracts."),
    };

    private static ListType? TryArray(string text) =>
        text.StartsWith("array<", StringComparison.Ordinal) && text.EndsWith('>') && TryParse(text[6..^1]) is { } item ? new ListType(item) : null;

    private static Decimal128Type? TryDecimal(string text)
    {
        var match = DecimalPattern().Match(text);
        if (!match.Success) return null;
        var precision = int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        var scale = int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture);
        return precision is >= 1 and <= 38 && scale <= precision ? new Decimal128Type(precision, scale) : null;
    }

    [GeneratedRegex(@"^decimal\( *([0-9]{1,2}) *, *([0-9]{1,2}) *\)$")]
    private static partial Regex DecimalPattern();
}
