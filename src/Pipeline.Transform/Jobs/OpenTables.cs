using System.Collections.Concurrent;
using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;

namespace Pipeline.Transform.Jobs;

/// <summary>Tables of the lake, kept open so that only the new end of a log is read. Thread-safe.</summary>
public sealed class OpenTables(Lake lake)
{
    private readonly ConcurrentDictionary<TableId, DeltaTable> _open = new();

    public Lake Lake { get; } = lake;

    /// <summary>Those that have been opened, as they were seen last.</summary>
    public IEnumerable<(TableId Id, Snapshot Seen)> Known => _open.Select(table => (table.Key, table.Value.Current));

    /// <summary>The table, up to date; null when there is none yet.</summary>
    public async ValueTask<DeltaTable?> TryOpenAsync(TableId id, CancellationToken cancellationToken)
    {
        if (_open.TryGetValue(id, out var known))
        {
            try
            {
                await known.RefreshAsync(cancellationToken);
                return known;
            }
            catch (PipelineException gone) when (gone.Kind == FaultKind.Missing)
            {
                // Removed, and made again by whoever needs it.
                _open.TryRemove(new KeyValuePair<TableId, DeltaTable>(id, known));
            }
        }

        var table = await Lake.TryOpenAsync(id, cancellationToken);
        return table is null ? null : _open.GetOrAdd(id, table);
    }

    /// <summary>The table, up to date, made if there is none yet.</summary>
    public ValueTask<DeltaTable> OpenOrCreateAsync(TableId id, IEnumerable<Field> columns, CancellationToken cancellationToken) =>
        OpenOrCreateAsync(id, columns, ImmutableDictionary<string, string>.Empty, cancellationToken);

    /// <inheritdoc cref="OpenOrCreateAsync(TableId, IEnumerable{Field}, CancellationToken)"/>
    /// <param name="properties">Of one that is made.</param>
    public async ValueTask<DeltaTable> OpenOrCreateAsync(TableId id, IEnumerable<Field> columns, IReadOnlyDictionary<string, string> properties, CancellationToken cancellationToken) =>
        await TryOpenAsync(id, cancellationToken) ?? _open.GetOrAdd(id, await Lake.OpenOrCreateAsync(id, new Schema(columns, null), [], properties, cancellationToken));
}
