using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Delta.Schemas;

/// <summary>
/// Makes one schema of a table's and a commit's: new columns come nullable at the end, a column learns what it has not yet
/// said of itself (its metadata), and one that is said to have no statistics has none from then on. Protocol (1, 2) has no type
/// widening, so any other type than the table's is refused.
/// </summary>
internal static class SchemaEvolution
{
    /// <summary>The table's schema with what <paramref name="needed"/> adds; the same object when that is nothing.</summary>
    /// <exception cref="PipelineException">The schemas contradict each other; the message is the diff.</exception>
    public static Schema Merge(string table, Schema current, Schema needed)
    {
        List<string> differences = [];
        var merged = MergeFields(current.FieldsList, needed.FieldsList, path: "", differences);
        if (differences.Count > 0)
            throw new PipelineException(FaultKind.Invalid, $"Table {table}",
                $"its schema does not allow the new rows: {string.Join("; ", differences)}",
                "Write the rows with the table's types, or make a new table.");
        return merged is null ? current : new Schema(merged, current.Metadata);
    }

    /// <summary>Null when nothing is added.</summary>
    private static List<Field>? MergeFields(IReadOnlyList<Field> current, IReadOnlyList<Field> needed, string path, List<string> differences)
    {
        List<Field> merged = [.. current];
        var isChanged = false;
        foreach (var field in needed)
        {
            var at = merged.FindIndex(known => string.Equals(known.Name, field.Name, StringComparison.OrdinalIgnoreCase));
            if (at < 0)
            {
                // Rows written before have no value for it.
                merged.Add(new Field(field.Name, Nullable(field.DataType), nullable: true, field.HasMetadata ? field.Metadata : null));
                isChanged = true;
                continue;
            }

            var known = merged[at];
            if (!string.Equals(known.Name, field.Name, StringComparison.Ordinal))
                differences.Add($"column {path}{known.Name} would be named {field.Name}");
            var type = MergeType(known.DataType, field.DataType, path + known.Name, differences);
            var metadata = MergeMetadata(known, field);
            if (type is null && metadata is null) continue;
            merged[at] = new Field(known.Name, type ?? known.DataType, known.IsNullable, metadata ?? (known.HasMetadata ? known.Metadata : null));
            isChanged = true;
        }

        return isChanged ? merged : null;
    }

    /// <summary>Null when it stays. What the table says is not contradicted: a writer of another release may say something else.</summary>
    private static Dictionary<string, string>? MergeMetadata(Field current, Field needed)
    {
        if (!needed.HasMetadata) return null;
        var merged = new Dictionary<string, string>(current.HasMetadata ? current.Metadata : new Dictionary<string, string>(), StringComparer.Ordinal);
        var isChanged = false;
        foreach (var (key, value) in needed.Metadata) isChanged |= merged.TryAdd(key, value);
        if (TableColumns.HasStatistics(needed) || !TableColumns.HasStatistics(current)) return isChanged ? merged : null;
        merged[TableColumns.StatisticsKey] = TableColumns.NoStatistics;
        return merged;
    }

    /// <summary>Null when the type stays.</summary>
    private static IArrowType? MergeType(IArrowType current, IArrowType needed, string path, List<string> differences)
    {
        switch (current, needed)
        {
            case (StructType a, StructType b):
                return MergeFields(a.Fields, b.Fields, path + ".", differences) is { } fields ? new StructType(fields) : null;
            case (ListType a, ListType b):
                return MergeType(a.ValueDataType, b.ValueDataType, path + ".element", differences) is { } element
                    ? new ListType(new Field("element", element, a.ValueField.IsNullable)) : null;
            case (MapType a, MapType b):
                var key = MergeType(a.KeyField.DataType, b.KeyField.DataType, path + ".key", differences);
                var value = MergeType(a.ValueField.DataType, b.ValueField.DataType, path + ".value", differences);
                return key is null && value is null ? null : new MapType(new Field("key", key ?? a.KeyField.DataType, nullable: false),
                    new Field("value", value ?? a.ValueField.DataType, a.ValueField.IsNullable));
            default:
                var (from, to) = (LakeType.Name(current), LakeType.Name(needed));
                if (from != to) differences.Add($"column {path} is {from}, not {to}");
                return null;
        }
    }

    private static IArrowType Nullable(IArrowType type) => type is StructType structure
        ? new StructType([.. structure.Fields.Select(field => new Field(field.Name, Nullable(field.DataType), nullable: true, field.HasMetadata ? field.Metadata : null))])
        : type;
}
