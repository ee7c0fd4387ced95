using System.Globalization;
using System.Text.RegularExpressions;
using Apache.Arrow.Types;

namespace Pipeline.Core;

/// <summary>The names of the lake's column types, as Delta's schemas spell them.</summary>
public static partial class LakeType
{
    private static readonly TimestampType TimestampNtz = new(TimeUnit.Microsecond, (string?)null);

    /// <summary>The whole type: <c>long</c>, <c>decimal(10,2)</c>, <c>array&lt;string&gt;</c>; for a type that no table has what Arrow calls it.</summary>
    public static string Name(IArrowType type) => type switch
    {
        ListType list => $"array<{Name(list.ValueDataType)}>",
        MapType map => $"map<{Name(map.KeyField.DataType)},{Name(map.ValueField.DataType)}>",
        StructType structure => $"struct<{string.Join(",", structure.Fields.Select(field => $"{field.Name}:{Name(field.DataType)}"))}>",
        TimestampType { Unit: not TimeUnit.Microsecond } timestamp => $"Arrow's timestamp[{timestamp.Unit}]",
        _ => Primitive(type) ?? $"Arrow's {type.Name}",
    };

    /// <summary>The name of a type without parts; null when Delta has no such type.</summary>
    public static string? Primitive(IArrowType type) => type switch
    {
        StringType => "string",
        Int64Type => "long",
        Int32Type => "integer",
        Int16Type => "short",
        Int8Type => "byte",
        FloatType => "float",
        DoubleType => "double",
        BooleanType => "boolean",
        BinaryType => "binary",
        Date32Type => "date",
        Decimal128Type { Precision: <= 38 } number => $"decimal({number.Precision},{number.Scale})",
        TimestampType { Unit: TimeUnit.Microsecond, Timezone: null or "" } => "timestamp_ntz",
        TimestampType { Unit: TimeUnit.Microsecond, Timezone: "UTC" or "Etc/UTC" or "+00:00" or "Z" } => "timestamp",
        _ => null,
    };

    /// <summary>The type of a name that <see cref="Primitive"/> gives; null for any other text.</summary>
    public static IArrowType? TryParse(string name) => name switch
    {
        "string" => StringType.Default,
        "long" => Int64Type.Default,
        "integer" => Int32Type.Default,
        "short" => Int16Type.Default,
        "byte" => Int8Type.Default,
        "float" => FloatType.Default,
        "double" => DoubleType.Default,
        "boolean" => BooleanType.Default,
        "binary" => BinaryType.Default,
        "date" => Date32Type.Default,
        "timestamp" => BronzeColumns.Timestamp,
        "timestamp_ntz" => TimestampNtz,
        _ => TryDecimal(name),
    };

    private static Decimal128Type? TryDecimal(string name)
    {
        var match = DecimalPattern().Match(name);
        if (!match.Success) return null;
        var precision = int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        var scale = int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture);
        return precision is >= 1 and <= 38 && scale <= precision ? new Decimal128Type(precision, scale) : null;
    }

    [GeneratedRegex(@"^decimal\( *([0-9]{1,2}) *, *([0-9]{1,2}) *\)$")]
    private static partial Regex DecimalPattern();
}
