using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Transform.Contracts;

/// <summary>The column types of contracts, written as <see cref="LakeType"/> has them, with <c>int</c> for short.</summary>
public static class ColumnType
{
    /// <summary>What may stand after <c>type =</c>.</summary>
    public const string Allowed = "string, long, int, short, byte, float, double, boolean, binary, date, timestamp, decimal(p,s)";

    public static readonly IReadOnlyList<string> Names =
        ["string", "long", "int", "short", "byte", "float", "double", "boolean", "binary", "date", "timestamp", "decimal(12,2)"];

    /// <summary>The Arrow type of a contract's type; null when there is no such type.</summary>
    public static IArrowType? TryParse(string text) => text switch
    {
        "int" => Int32Type.Default,
        // Without a zone nobody knows which moment it is.
        "timestamp_ntz" => null,
        _ => LakeType.TryParse(text) ?? TryArray(text),
    };

    /// <summary>The contract's word for an Arrow type of the lake: the inverse of <see cref="TryParse"/>.</summary>
    /// <exception cref="NotSupportedException">The type cannot be in a table of the lake.</exception>
    public static string Format(IArrowType type) => type switch
    {
        Int32Type => "int",
        TimestampType => "timestamp",
        ListType list => $"array<{Format(list.ValueDataType)}>",
        _ => LakeType.Primitive(type) ?? throw new NotSupportedException($"Arrow type {type.Name} has no name in contracts."),
    };

    private static ListType? TryArray(string text) =>
        text.StartsWith("array<", StringComparison.Ordinal) && text.EndsWith('>') && TryParse(text[6..^1]) is { } item ? new ListType(item) : null;
}
