using Apache.Arrow;
using Pipeline.Core;

namespace Pipeline.Delta.Parquet;

/// <summary>Brings batches into the columns of a file: matched by name, missing nullable ones filled with null.</summary>
internal sealed class BatchMapping(string path, Schema schema)
{
    private readonly string[] _typeNames = [.. schema.FieldsList.Select(field => LakeType.Name(field.DataType))];
    private Schema? _lastSource;
    private int[] _lastColumns = [];

    /// <summary>The batch in the file's columns. Not to be disposed: its arrays are those of <paramref name="rows"/>.</summary>
    /// <exception cref="PipelineException">A column is unknown, of another type, or null where it must not be.</exception>
    public RecordBatch Map(RecordBatch rows)
    {
        if (!ReferenceEquals(rows.Schema, _lastSource))
        {
            _lastColumns = Match(rows.Schema);
            _lastSource = rows.Schema;
        }

        var arrays = new IArrowArray[_lastColumns.Length];
        for (var i = 0; i < arrays.Length; i++)
        {
            var field = schema.GetFieldByIndex(i);
            arrays[i] = _lastColumns[i] < 0 ? NullArrays.Create(field.DataType, rows.Length) : rows.Column(_lastColumns[i]);
            if (!field.IsNullable && arrays[i].NullCount > 0)
                throw Refused($"column {field.Name} must not be null, and it is in {arrays[i].NullCount} of {Plural.Of(rows.Length, "row")}");
        }

        return new RecordBatch(schema, arrays, rows.Length);
    }

    private int[] Match(Schema source)
    {
        var columns = new int[schema.FieldsList.Count];
        for (var i = 0; i < columns.Length; i++)
        {
            var field = schema.FieldsList[i];
            columns[i] = source.GetFieldIndex(field.Name, StringComparer.Ordinal);
            if (columns[i] < 0)
            {
                if (!field.IsNullable) throw Refused($"column {field.Name} must not be null, and the rows do not have it");
                continue;
            }

            var found = LakeType.Name(source.GetFieldByIndex(columns[i]).DataType);
            if (found != _typeNames[i]) throw Refused($"column {field.Name} is {_typeNames[i]}, and the rows have {found}");
        }

        var unknown = source.FieldsList.Where(field => schema.GetFieldIndex(field.Name, StringComparer.Ordinal) < 0).Select(field => field.Name).ToList();
        return unknown.Count == 0 ? columns : throw Refused($"it has no column {string.Join(", ", unknown)}");
    }

    private PipelineException Refused(string cause) =>
        new(FaultKind.Invalid, $"Data file {path}", cause, "Check the rows against the table's schema.");
}
