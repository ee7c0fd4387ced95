using System.Runtime.CompilerServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;

namespace Pipeline.Operations.Inspection;

/// <summary>Rows of a table for people: numbers and booleans as they are, everything else as text.</summary>
public static class TableRows
{
    /// <summary>Files opened at a time: a table of a million files shows its first rows as fast as one of ten.</summary>
    private const int FilesAtOnce = 32;

    /// <summary>At most <paramref name="limit"/> rows in no particular order, with the columns of the schema.</summary>
    public static async IAsyncEnumerable<object?[]> ReadAsync(DeltaTable table, Snapshot snapshot, long limit,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var query = new LakeQuery(cancellationToken);
        // Partition columns are in the log, not in the files: files that share their values are read together.
        foreach (var files in snapshot.Files.GroupBy(PartitionKey, StringComparer.Ordinal).SelectMany(partition => partition.Chunk(FilesAtOnce)))
        {
            if (limit <= 0) yield break;
            var select = string.Join(", ", snapshot.Schema.FieldsList.Select(field => Expression(field, files[0], snapshot)));
            foreach (var row in await query.RowsAsync(table, snapshot, [.. files.Select(file => file.Path)], select, $"LIMIT {limit}"))
            {
                limit--;
                yield return row;
            }
        }
    }

    private static string PartitionKey(AddFile file) =>
        string.Join('\0', file.PartitionValues.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value));

    private static string Expression(Field field, AddFile file, Snapshot snapshot)
    {
        if (snapshot.Metadata.PartitionColumns.Contains(field.Name))
            return file.PartitionValues.GetValueOrDefault(field.Name) is { } value ? Sql.Text(value) : "NULL";
        var name = Sql.Name(field.Name);
        return field.DataType switch
        {
            BooleanType or IntegerType or FloatingPointType or Decimal128Type => name,
            TimestampType => $"strftime({name}, '%Y-%m-%dT%H:%M:%S.%fZ')",
            BinaryType => $"to_base64({name})",
            _ => $"CAST({name} AS VARCHAR)",
        };
    }
}
