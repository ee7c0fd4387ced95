using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Schemas;

namespace Pipeline.Delta.Log;

/// <summary>What a transaction writes on top of a snapshot.</summary>
internal static class TransactionActions
{
    /// <exception cref="PipelineException">The table does not allow it.</exception>
    public static IReadOnlyList<DeltaAction> Build(string table, Transaction transaction, Snapshot snapshot, Guid id, DateTimeOffset now)
    {
        // Versions and times go together, whatever the clocks of the writers say.
        var at = now > snapshot.CommittedAt ? now : snapshot.CommittedAt.Plus(TimeSpan.FromMilliseconds(1));
        List<DeltaAction> actions = [];
        var (metadata, schema) = (snapshot.Metadata, snapshot.Schema);
        if (transaction.Schema is { } needed)
        {
            schema = transaction.ReplacesSchema ? needed : SchemaEvolution.Merge(table, snapshot.Schema, needed);
            if (!ReferenceEquals(schema, snapshot.Schema)) metadata = Learned(metadata, snapshot.Schema, schema);
        }

        if (transaction.Words is { } words)
        {
            metadata = words.Of(metadata);
            if (words.Of(schema) is var said && !ReferenceEquals(said, schema)) metadata = metadata with { SchemaString = SchemaJson.Write(said) };
        }

        if (!transaction.Properties.IsEmpty)
        {
            var configuration = metadata.Configuration.RemoveRange(transaction.Properties.Where(property => property.Value is null).Select(property => property.Key));
            metadata = metadata with { Configuration = configuration.SetItems(transaction.Properties.Where(property => property.Value is not null).Select(property => KeyValuePair.Create(property.Key, property.Value!))) };
        }

        if (metadata != snapshot.Metadata) actions.Add(metadata);

        foreach (var move in transaction.Moves) actions.Add(new TxnAction(move.AppId, move.To, at));
        foreach (var (appId, value) in transaction.Marks)
            if (snapshot.Position(appId) != value) actions.Add(new TxnAction(appId, value, at));
        actions.AddRange(RowCounts.ActionsOf(snapshot, transaction.Counts, at));
        // A clock that is behind must not make a file look as if it had left long ago.
        actions.AddRange(transaction.Removes.Select(remove => remove.DeletedAt < at ? remove with { DeletedAt = at } : remove));
        actions.AddRange(transaction.Adds);
        actions.Insert(0, new CommitInfo(at, transaction.Operation, transaction.Parameters, snapshot.Version,
            transaction.Isolation == Isolation.BlindAppend, id, transaction.Metrics) { ActionCount = actions.Count + 1 });
        return actions;
    }

    private static MetadataAction Learned(MetadataAction metadata, Schema before, Schema schema)
    {
        var configuration = metadata.Configuration;
        foreach (var (key, value) in IndexedColumns.Changes(configuration, before, schema, metadata.PartitionColumns, TableProperties.IndexedLeaves(metadata)))
            configuration = value is null ? configuration.Remove(key) : configuration.SetItem(key, value);
        return metadata with { SchemaString = SchemaJson.Write(schema), Configuration = configuration };
    }
}
