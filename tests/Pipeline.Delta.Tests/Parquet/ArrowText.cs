using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace Pipeline.Delta.Tests.Parquet;

/// <summary>Rows as text, for comparing batches whose buffers differ and whose values do not.</summary>
internal static class ArrowText
{
    public static string Of(RecordBatch batch) => string.Join('\n', Enumerable.Range(0, batch.Length).Select(row =>
        string.Join(" | ", batch.Arrays.Select(array => Of(array, row)))));

    private static string Of(IArrowArray array, int row)
    {
        if (array.IsNull(row)) return "null";
        return array switch
        {
            StructArray structure => $"({string.Join(",", structure.Fields.Select(field => Of(field, row)))})",
            MapArray map => $"{{{string.Join(",", Range(map, row).Select(i => $"{Of(map.Keys, i)}:{Of(map.Values, i)}"))}}}",
            ListArray list => $"[{string.Join(",", Range(list, row).Select(i => Of(list.Values, i)))}]",
            StringArray text => $"'{text.GetString(row)}'",
            BinaryArray bytes => Convert.ToHexString(bytes.GetBytes(row)),
            BooleanArray flag => flag.GetValue(row)!.Value ? "true" : "false",
            _ when array.Data.DataType is FixedWidthType type => Convert.ToHexString(Value(array.Data, type.BitWidth / 8, row)),
            _ => throw new NotSupportedException(array.GetType().Name),
        };
    }

    private static IEnumerable<int> Range(ListArray list, int row) => Enumerable.Range(list.ValueOffsets[row], list.GetValueLength(row));

    private static ReadOnlySpan<byte> Value(ArrayData data, int width, int row) =>
        MemoryMarshal.AsBytes(data.Buffers[1].Span).Slice((data.Offset + row) * width, width);
}
