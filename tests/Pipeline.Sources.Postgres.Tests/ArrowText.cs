using System.Globalization;
using Apache.Arrow;

namespace Pipeline.Sources.Postgres.Tests;

internal static class ArrowText
{
    /// <summary>A value as text in one fixed form; null for null.</summary>
    public static string? Of(IArrowArray array, int row) => array.IsNull(row) ? null : array switch
    {
        BooleanArray values => values.GetValue(row)!.Value ? "True" : "False",
        TimestampArray values => values.GetTimestamp(row)!.Value.ToString("O"),
        Date32Array values => DateOnly.FromDateTime(values.GetDateTime(row)!.Value).ToString("O"),
        Decimal128Array values => values.GetString(row),
        StringArray values => values.GetString(row),
        BinaryArray values => Convert.ToHexString(values.GetBytes(row)),
        FloatArray values => string.Create(CultureInfo.InvariantCulture, $"{values.GetValue(row)}"),
        DoubleArray values => string.Create(CultureInfo.InvariantCulture, $"{values.GetValue(row)}"),
        Int16Array values => string.Create(CultureInfo.InvariantCulture, $"{values.GetValue(row)}"),
        Int32Array values => string.Create(CultureInfo.InvariantCulture, $"{values.GetValue(row)}"),
        Int64Array values => string.Create(CultureInfo.InvariantCulture, $"{values.GetValue(row)}"),
        _ => throw new NotSupportedException(array.GetType().Name),
    };
}
