using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Table;

/// <summary>
/// A table as this process knows it, for the parts that work on it: where it is, its log, and the newest snapshot that any of
/// them has seen.
/// </summary>
internal sealed class TableHandle(IObjectStore lake, IObjectStore store, string path, TimeProvider time, LogReader log, Snapshot opened)
{
    private readonly SemaphoreSlim _refreshing = new(1, 1);
    private volatile Snapshot _current = opened;

    /// <summary>Of all tables of its lake: the same as <see cref="Store"/>, unless some of them lie elsewhere.</summary>
    public IObjectStore Lake { get; } = lake;

    public IObjectStore Store { get; } = store;

    public string Path { get; } = path;

    public TimeProvider Time { get; } = time;

    public LogReader Log { get; } = log;

    public Snapshot Current => _current;

    /// <summary>Reads the log from where <see cref="Current"/> is to its end.</summary>
    public async ValueTask<Snapshot> RefreshAsync(CancellationToken cancellationToken)
    {
        await _refreshing.WaitAsync(cancellationToken);
        try
        {
            var seen = _current;
            if (await Log.AdvanceAsync(seen, snapshot => Publish(snapshot), cancellationToken) is { } advanced) return Publish(advanced);
            var loaded = await Log.LoadAsync(version: null, cancellationToken)
                ?? throw new PipelineException(FaultKind.Missing, $"Table {Path}", "its log is gone", $"Check {Store.Location}.");
            // Cleaned up, it goes on behind what was seen; another history may be anywhere.
            if (loaded.Version > seen.Version && loaded.Metadata.Id == seen.Metadata.Id) return Publish(loaded);
            Log.Forget();
            return _current = loaded;
        }
        finally
        {
            _refreshing.Release();
        }
    }

    /// <summary>Makes a snapshot the current one unless a newer one is; returns the current one.</summary>
    public Snapshot Publish(Snapshot snapshot)
    {
        while (true)
        {
            var current = _current;
            if (snapshot.Version <= current.Version) return current;
#pragma warning disable CS0420 // Interlocked gives what the volatile field needs.
            if (Interlocked.CompareExchange(ref _current, snapshot, current) == current) return snapshot;
#pragma warning restore CS0420
        }
    }
}
