using Apache.Arrow;
using Apache.Arrow.Types;

namespace Pipeline.Delta.Parquet;

/// <summary>Arrays of nulls, for columns that rows do not have.</summary>
internal static class NullArrays
{
    public static IArrowArray Create(IArrowType type, int length) => ArrowArrayFactory.BuildArray(CreateData(type, length));

    private static ArrayData CreateData(IArrowType type, int length)
    {
        var validity = Zeros((length + 7) / 8);
        return type switch
        {
            StructType structure => new ArrayData(type, length, length, 0, [validity], [.. structure.Fields.Select(field => CreateData(field.DataType, length))]),
            ListType list => new ArrayData(type, length, length, 0, [validity, Zeros((length + 1) * sizeof(int))], [CreateData(list.ValueDataType, 0)]),
            MapType map => new ArrayData(type, length, length, 0, [validity, Zeros((length + 1) * sizeof(int))],
                [new ArrayData(new StructType([map.KeyField, map.ValueField]), 0, 0, 0, [ArrowBuffer.Empty],
                    [CreateData(map.KeyField.DataType, 0), CreateData(map.ValueField.DataType, 0)])]),
            StringType or BinaryType => new ArrayData(type, length, length, 0, [validity, Zeros((length + 1) * sizeof(int)), ArrowBuffer.Empty]),
            BooleanType => new ArrayData(type, length, length, 0, [validity, Zeros((length + 7) / 8)]),
            FixedWidthType fixedWidth => new ArrayData(type, length, length, 0, [validity, Zeros(length * fixedWidth.BitWidth / 8)]),
            _ => throw new ArgumentOutOfRangeException(nameof(type), type.Name, "Not a type of a table."),
        };
    }

    private static ArrowBuffer Zeros(int bytes) => new(new byte[bytes]);
}
