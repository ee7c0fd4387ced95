using Apache.Arrow;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta;

/// <summary>The tables of one data lake: one directory each, named by their <see cref="TableId"/>.</summary>
/// <param name="logs">Where work beside the commits tells what went wrong; nowhere when null.</param>
public sealed class Lake(IObjectStore store, TimeProvider time, ILoggerFactory? logs = null)
{
    private readonly ILogger _log = (logs ?? NullLoggerFactory.Instance).CreateLogger<Lake>();

    public IObjectStore Store { get; } = store;

    /// <summary>The same lake, telling what goes wrong beside its commits.</summary>
    public Lake Telling(ILoggerFactory logs) => new(Store, time, logs);

    public ValueTask<DeltaTable?> TryOpenAsync(TableId table, CancellationToken cancellationToken) =>
        DeltaTable.TryOpenAsync(Store, table.ToString(), time, _log, cancellationToken);

    public ValueTask<DeltaTable> OpenOrCreateAsync(TableId table, Schema schema, IReadOnlyList<string> partitionColumns,
        IReadOnlyDictionary<string, string> configuration, CancellationToken cancellationToken) =>
        DeltaTable.OpenOrCreateAsync(Store, table.ToString(), schema, partitionColumns, configuration, time, _log, cancellationToken);
}
