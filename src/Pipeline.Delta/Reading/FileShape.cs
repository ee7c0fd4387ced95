using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;

namespace Pipeline.Delta.Reading;

/// <summary>How one data file's columns become the table's.</summary>
internal sealed class FileShape
{
    private readonly Schema _schema;
    private readonly ColumnMapping _mapping;
    private readonly TimeZoneInfo _partitionTimeZone;

    /// <summary>Values of partition columns by their place in the schema.</summary>
    private readonly Dictionary<int, string?> _constants = [];
    private readonly HashSet<string> _namesInFile = new(StringComparer.Ordinal);

    public FileShape(Schema schema, ImmutableArray<string> partitionColumns, AddFile file, ColumnMapping mapping,
        TimeZoneInfo partitionTimeZone)
    {
        _schema = schema;
        _mapping = mapping;
        _partitionTimeZone = partitionTimeZone;
        for (var i = 0; i < schema.FieldsList.Count; i++)
        {
            var field = schema.GetFieldByIndex(i);
            var name = mapping.NameInFile(field);
            if (partitionColumns.Contains(field.Name, StringComparer.Ordinal)) _constants[i] = file.PartitionValues.GetValueOrDefault(name);
            else _namesInFile.Add(name);
        }
    }

    /// <summary>Whether a top-level column of the file is wanted.</summary>
    public bool Needs(string nameInFile) => _namesInFile.Contains(nameInFile);

    /// <summary>The batch in the table's columns; it takes over the memory of <paramref name="batch"/>.</summary>
    /// <exception cref="FormatException">A column has a type that does not become the table's.</exception>
    public RecordBatch Fit(RecordBatch batch)
    {
        var columns = new IArrowArray[_schema.FieldsList.Count];
        for (var i = 0; i < columns.Length; i++)
        {
            var field = _schema.GetFieldByIndex(i);
            columns[i] = _constants.TryGetValue(i, out var constant)
                ? PartitionValue.Repeat(field, constant, batch.Length, _partitionTimeZone)
                : Fit(field, batch);
        }

        return new RecordBatch(_schema, columns, batch.Length);
    }

    private IArrowArray Fit(Field field, RecordBatch batch)
    {
        var index = batch.Schema.GetFieldIndex(_mapping.NameInFile(field), StringComparer.Ordinal);
        return index < 0 ? NullArrays.Create(field.DataType, batch.Length)
            : ArrowArrayFactory.BuildArray(Fit(batch.Column(index).Data, field.DataType, field.Name));
    }

    private ArrayData Fit(ArrayData data, IArrowType type, string path)
    {
        switch (data.DataType, type)
        {
            case (StructType from, StructType to):
                var children = to.Fields.Select(field =>
                {
                    var index = from.Fields.ToList().FindIndex(known => known.Name == _mapping.NameInFile(field));
                    return index < 0 ? NullArrays.Create(field.DataType, data.Offset + data.Length).Data : Fit(data.Children[index], field.DataType, $"{path}.{field.Name}");
                });
                return new ArrayData(to, data.Length, data.NullCount, data.Offset, data.Buffers, [.. children]);
            case (ListType, ListType to):
                return new ArrayData(to, data.Length, data.NullCount, data.Offset, data.Buffers, [Fit(data.Children[0], to.ValueDataType, path + ".element")]);
            case (MapType, MapType to):
                var entries = data.Children[0];
                return new ArrayData(to, data.Length, data.NullCount, data.Offset, data.Buffers,
                [
                    new ArrayData(new StructType([to.KeyField, to.ValueField]), entries.Length, entries.NullCount, entries.Offset, entries.Buffers,
                        [Fit(entries.Children[0], to.KeyField.DataType, path + ".key"), Fit(entries.Children[1], to.ValueField.DataType, path + ".value")]),
                ]);
            default:
                return LakeType.Name(data.DataType) == LakeType.Name(type) ? data : ColumnCast.To(data, type)
                    ?? throw new FormatException($"its column {path} is {LakeType.Name(data.DataType)}, and the table's is {LakeType.Name(type)}");
        }
    }
}
