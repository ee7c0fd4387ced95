using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Apache.Arrow.Types;
using Pipeline.DuckDb;

namespace Pipeline.Transform.Models;

/// <summary>Values of tests in DuckDB's SQL. Nothing is rounded or cut: what a type does not hold as it is written is no value of it.</summary>
internal static partial class ModelLiteral
{
    /// <summary>Null: it is no value of the type.</summary>
    public static string? TryOf(ModelValue? value, IArrowType type)
    {
        if (value is null) return Cast("NULL", type);
        var text = value.Text;
        return type switch
        {
            StringType => Sql.Text(text),
            BooleanType when text is "true" or "false" => Cast(text, type),
            Int64Type or Int32Type or Int16Type or Int8Type when Whole().IsMatch(text) && IsIn(text, type) => Cast(text, type),
            Decimal128Type number when Fits(text, number) => Cast(Sql.Text(text), type),
            DoubleType or FloatType when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _) => Cast(Sql.Text(text), type),
            Date32Type when DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _) => Cast(Sql.Text(text), type),
            TimestampType when DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment) => Cast(Sql.Text(moment.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff'+00'", CultureInfo.InvariantCulture)), type),
            BinaryType when value.Kind == JsonValueKind.String && Convert.TryFromBase64String(text, new byte[text.Length], out _) => $"from_base64({Sql.Text(text)})",
            ListType when value.Kind == JsonValueKind.Array => Cast(Cast(Sql.Text(text), "JSON"), type),
            _ => null,
        };
    }

    private static string Cast(string value, IArrowType type) => Cast(value, Sql.Type(type));

    private static string Cast(string value, string type) => $"CAST({value} AS {type})";

    private static bool IsIn(string text, IArrowType type) => long.TryParse(text, CultureInfo.InvariantCulture, out var number) && type switch
    {
        Int32Type => number is >= int.MinValue and <= int.MaxValue,
        Int16Type => number is >= short.MinValue and <= short.MaxValue,
        Int8Type => number is >= sbyte.MinValue and <= sbyte.MaxValue,
        _ => true,
    };

    private static bool Fits(string text, Decimal128Type type)
    {
        if (Number().Match(text) is not { Success: true } number) return false;
        return number.Groups["whole"].Value.TrimStart('0').Length <= type.Precision - type.Scale && number.Groups["part"].Value.TrimEnd('0').Length <= type.Scale;
    }

    [GeneratedRegex(@"^-?[0-9]{1,19}\z")]
    private static partial Regex Whole();

    [GeneratedRegex(@"^-?(?<whole>[0-9]+)(?:[.](?<part>[0-9]+))?\z")]
    private static partial Regex Number();
}
