using Apache.Arrow;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Core;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta;

/// <summary>The tables of one data lake: one directory each, named by their <see cref="TableId"/>.</summary>
/// <param name="logs">Where work beside the commits tells what went wrong; nowhere when null.</param>
public sealed class Lake(IObjectStore store, TimeProvider time, ILoggerFactory? logs = null)
{
    private readonly ILogger _log = (logs ?? NullLoggerFactory.Instance).CreateLogger<Lake>();

    private string? _id;

    public IObjectStore Store { get; } = store;

    /// <summary>What tells this lake from every other, whatever its location is called; the first who asks gives it one.</summary>
    /// <exception cref="PipelineException">The store fails, or what is there is no id.</exception>
    public async ValueTask<string> IdAsync(CancellationToken cancellationToken) => _id ??= await LakeId.OfAsync(Store, cancellationToken);

    /// <summary>The same of a lake that is only looked at; null: nobody has asked for it yet.</summary>
    /// <exception cref="PipelineException">The store fails, or what is there is no id.</exception>
    public ValueTask<string?> TryIdAsync(CancellationToken cancellationToken) => _id is { } known ? new(known) : LakeId.TryReadAsync(Store, cancellationToken);

    /// <summary>The same lake, telling what goes wrong beside its commits, and what its store does not answer.</summary>
    public Lake Telling(ILoggerFactory logs, WaitWatch waits) => new(Store is PlacedStore placed ? placed.Watching(waits) : new WatchedStore(Store, waits), time, logs);

    /// <summary>Null: there is none.</summary>
    /// <exception cref="PipelineException">It lies where nobody says how to reach it, cannot be read, or the store fails.</exception>
    public async ValueTask<DeltaTable?> TryOpenAsync(TableId table, CancellationToken cancellationToken)
    {
        if (await DeltaTable.TryOpenAsync(Store, table.ToString(), time, _log, cancellationToken) is { } there) return there;
        await RequireNotElsewhereAsync(table, cancellationToken);
        return null;
    }

    /// <summary>The table as of the last version that can be read where its newest cannot.</summary>
    /// <exception cref="PipelineException">The version cannot be read either.</exception>
    public ValueTask<DeltaTable?> TryOpenAsOfAsync(TableId table, long version, CancellationToken cancellationToken) =>
        DeltaTable.TryOpenAsync(Store, table.ToString(), version, time, _log, cancellationToken);

    /// <summary>Opens a table or makes it where it is to be; that it was made is recorded beside the tables, see <see cref="MadeTables"/>.</summary>
    public async ValueTask<DeltaTable> OpenOrCreateAsync(TableId table, Schema schema, IReadOnlyList<string> partitionColumns,
        IReadOnlyDictionary<string, string> configuration, CancellationToken cancellationToken)
    {
        if (await TryOpenAsync(table, cancellationToken) is { } there)
        {
            // What is told below is told to everybody until somebody has written to it.
            if (there.Current.Version == 0) await RequireNotElsewhereAsync(table, cancellationToken);
            return there;
        }

        if (Store is PlacedStore placed) await placed.FixAsync(table, await IdAsync(cancellationToken), cancellationToken);
        var made = await DeltaTable.OpenOrCreateAsync(Store, table.ToString(), schema, partitionColumns, configuration, time, _log, cancellationToken);
        // A node that knows locations may have begun to make it elsewhere at the same moment.
        await RequireNotElsewhereAsync(table, cancellationToken);
        await MadeTables.RecordAsync(Store, table, made.Current.Metadata.Id, cancellationToken);
        return made;
    }

    /// <summary>For a store that knows no locations: others look themselves where a table lies.</summary>
    private ValueTask RequireNotElsewhereAsync(TableId table, CancellationToken cancellationToken) =>
        Store is PlacedStore ? ValueTask.CompletedTask : TablePlace.RequireNoneAsync(Store, table.ToString(), cancellationToken);
}
