using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Schemas;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Table;

/// <summary>Writes the first version of a table.</summary>
internal static class TableCreation
{
    /// <summary>Leaves a table alone that somebody else has made meanwhile.</summary>
    /// <exception cref="PipelineException">The schema is not one that Delta has.</exception>
    public static async ValueTask WriteAsync(IObjectStore store, string table, Schema schema, IReadOnlyList<string> partitionColumns,
        IReadOnlyDictionary<string, string> configuration, TimeProvider time, CancellationToken cancellationToken)
    {
        foreach (var column in partitionColumns)
        {
            if (schema.GetFieldIndex(column, StringComparer.Ordinal) < 0)
                throw new PipelineException(FaultKind.Invalid, $"Table {table}", $"its partition column {column} is not in its schema",
                    $"Choose from: {string.Join(", ", schema.FieldsList.Select(field => field.Name))}.");
        }

        var indexed = new Dictionary<string, string>(configuration, StringComparer.Ordinal);
        var leaves = TableProperties.IndexedLeaves(new MetadataAction("", "", [], ActionReader.NoStrings.AddRange(configuration), CreatedAt: null));
        foreach (var (key, value) in IndexedColumns.Changes(configuration, before: null, schema, partitionColumns, leaves)) indexed[key] = value!;
        var now = LogTime.Now(time);
        var metadata = new MetadataAction(Guid.NewGuid().ToString(), SchemaJson.Write(schema), [.. partitionColumns],
            ActionReader.NoStrings.AddRange(indexed), CreatedAt: now);
        var info = new CommitInfo(now, "CREATE TABLE", ActionReader.NoStrings, ReadVersion: null, IsBlindAppend: true, Guid.NewGuid()) { ActionCount = 3 };
        // An ambiguous answer needs no resolving: the caller opens whatever table is there.
        var outcome = await store.PutIfAbsentAsync(LogNames.Commit(table, 0), ActionWriter.Write([info, ProtocolSupport.Own, metadata]), cancellationToken);
        if (outcome == PutOutcome.Ambiguous)
            await store.PutIfAbsentAsync(LogNames.Commit(table, 0), ActionWriter.Write([info, ProtocolSupport.Own, metadata]), cancellationToken);
    }
}
