using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Maintenance;

/// <summary>Writes checkpoints when they are due, beside the commits: one at a time, the newest due version wins.</summary>
internal sealed class CheckpointSchedule(DeltaTable table)
{
    /// <summary>Between two looks for expired log objects: each lists the whole log.</summary>
    private static readonly TimeSpan CleanupInterval = TimeSpan.FromHours(1);

    private readonly Lock _lock = new();
    private long? _cleanedAt;
    private Snapshot? _due;
    private bool _isRunning;

    /// <summary>The running checkpoint or the last; completes without error.</summary>
    public Task Pending { get; private set; } = Task.CompletedTask;

    public PipelineException? Failure { get; private set; }

    public void AfterCommit(Snapshot snapshot)
    {
        if (snapshot.Version % TableProperties.CheckpointInterval(snapshot.Metadata) != 0) return;
        lock (_lock)
        {
            _due = snapshot;
            if (_isRunning) return;
            _isRunning = true;
            Pending = Task.Run(WriteDueAsync);
        }
    }

    private async Task WriteDueAsync()
    {
        while (TakeDue() is { } snapshot)
        {
            try
            {
                await CheckpointWriter.WriteAsync(table.Store, table.Path, snapshot, table.Time.GetUtcNow(), CancellationToken.None);
                await CleanUpAsync(snapshot);
                Failure = null;
            }
            catch (PipelineException e)
            {
                // The commit is done, and the next checkpoint is due soon. Who cares for the table looks at Failure.
                Failure = e;
            }
        }
    }

    private async ValueTask CleanUpAsync(Snapshot snapshot)
    {
        if (_cleanedAt is { } last && table.Time.GetElapsedTime(last) < CleanupInterval) return;
        await LogCleanup.RunAsync(table, snapshot, CancellationToken.None);
        _cleanedAt = table.Time.GetTimestamp();
    }

    private Snapshot? TakeDue()
    {
        lock (_lock)
        {
            var due = _due;
            _due = null;
            _isRunning = due is not null;
            return due;
        }
    }
}
