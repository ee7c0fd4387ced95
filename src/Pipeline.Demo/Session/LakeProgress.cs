using System.Collections.Concurrent;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Demo.Driver;

namespace Pipeline.Demo.Session;

/// <summary>Tells the generator how far the pipeline has read, from the lake itself.</summary>
internal sealed class LakeProgress(Lake lake) : IReaderProgress
{
    private readonly ConcurrentDictionary<TableId, DeltaTable> _open = new();

    public async ValueTask<long> RowsAsync(TableId table, CancellationToken cancellationToken) =>
        (await TrySnapshotAsync(table, cancellationToken))?.RowCount ?? 0;

    public async ValueTask<long?> PositionAsync(TableId table, SplitId split, CancellationToken cancellationToken) =>
        (await TrySnapshotAsync(table, cancellationToken))?.Position(split.ToString());

    private async ValueTask<Snapshot?> TrySnapshotAsync(TableId id, CancellationToken cancellationToken)
    {
        if (_open.TryGetValue(id, out var table)) return await table.RefreshAsync(cancellationToken);
        if (await lake.TryOpenAsync(id, cancellationToken) is not { } opened) return null;
        return _open.GetOrAdd(id, opened).Current;
    }
}
