using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta;

/// <summary>The tables of one data lake: one directory each, named by their <see cref="TableId"/>.</summary>
public sealed class Lake(IObjectStore store, TimeProvider time)
{
    public IObjectStore Store { get; } = store;

    public ValueTask<DeltaTable?> TryOpenAsync(TableId table, CancellationToken cancellationToken) =>
        DeltaTable.TryOpenAsync(Store, table.ToString(), time, cancellationToken);

    public ValueTask<DeltaTable> OpenOrCreateAsync(TableId table, Schema schema, IReadOnlyList<string> partitionColumns,
        IReadOnlyDictionary<string, string> configuration, CancellationToken cancellationToken) =>
        DeltaTable.OpenOrCreateAsync(Store, table.ToString(), schema, partitionColumns, configuration, time, cancellationToken);
}
