using Apache.Arrow;
using Apache.Arrow.Types;

namespace Pipeline.Operations.Inspection;

/// <summary>A point in time of a table: microseconds since the epoch, as the Delta protocol keeps them.</summary>
/// <param name="HasZone">Whether it is an instant; otherwise the time on a clock somewhere.</param>
public readonly record struct LakeTimestamp(long Microseconds, bool HasZone);

/// <summary>Single values out of Arrow columns, exact, for those who look at few of them.</summary>
public static class ArrowValue
{
    /// <summary>
    /// Null, <c>bool</c>, <c>long</c>, <c>double</c>, <see cref="System.Data.SqlTypes.SqlDecimal"/> (up to 38 digits),
    /// <c>string</c>, <c>byte[]</c>, <see cref="DateOnly"/>, <see cref="LakeTimestamp"/>; for a list <c>object?[]</c>, for a
    /// struct or map <c>KeyValuePair&lt;object, object?&gt;[]</c> in its order.
    /// </summary>
    /// <exception cref="NotSupportedException">The column is of a type that no Delta table has.</exception>
    public static object? Of(IArrowArray column, int row)
    {
        if (column.IsNull(row)) return null;
        return column switch
        {
            BooleanArray values => values.GetValue(row)!.Value,
            Int8Array values => (long)values.GetValue(row)!.Value,
            Int16Array values => (long)values.GetValue(row)!.Value,
            Int32Array values => (long)values.GetValue(row)!.Value,
            Int64Array values => values.GetValue(row)!.Value,
            FloatArray values => (double)values.GetValue(row)!.Value,
            DoubleArray values => values.GetValue(row)!.Value,
            Decimal128Array values => values.GetSqlDecimal(row)!.Value,
            StringArray values => values.GetString(row),
            BinaryArray values => values.GetBytes(row).ToArray(),
            Date32Array values => DateOnly.FromDayNumber(DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber + values.GetValue(row)!.Value),
            TimestampArray values => new LakeTimestamp(values.GetValue(row)!.Value, ((TimestampType)values.Data.DataType).Timezone is not null),
            MapArray values => Pairs(values, row),
            ListArray values => Items(values.Values, values.ValueOffsets[row], values.ValueOffsets[row + 1]),
            StructArray values => Fields(values, row),
            _ => throw new NotSupportedException($"Values of {column.Data.DataType.Name} columns are not read one by one."),
        };
    }

    private static object?[] Items(IArrowArray values, int from, int to) => [.. Enumerable.Range(from, to - from).Select(i => Of(values, i))];

    private static KeyValuePair<object, object?>[] Pairs(MapArray map, int row) =>
    [
        .. Enumerable.Range(map.ValueOffsets[row], map.ValueOffsets[row + 1] - map.ValueOffsets[row])
            .Select(i => KeyValuePair.Create(Of(map.Keys, i)!, Of(map.Values, i))),
    ];

    private static KeyValuePair<object, object?>[] Fields(StructArray values, int row)
    {
        var type = (StructType)values.Data.DataType;
        return [.. type.Fields.Select((field, i) => KeyValuePair.Create((object)field.Name, Of(values.Fields[i], row)))];
    }
}
