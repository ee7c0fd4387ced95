using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Table;

/// <summary>Writes checkpoints when they are due, beside the commits: one at a time, the newest due version wins.</summary>
/// <remarks>One that fails is told and, after a pause that doubles, made again with the next commit.</remarks>
internal sealed partial class CheckpointSchedule(TableHandle table, ILogger log)
{
    /// <summary>Between two looks for expired log objects: each lists the whole log.</summary>
    private static readonly TimeSpan CleanupInterval = TimeSpan.FromHours(1);

    private static readonly RetryPolicy Pauses = new() { BackoffMin = TimeSpan.FromSeconds(1), BackoffMax = TimeSpan.FromMinutes(10), Jitter = 0 };

    private readonly Lock _lock = new();
    private long? _cleanedAt;
    private Snapshot? _due;
    private bool _isRunning;
    private long _failedAt;
    private int _failures;

    /// <summary>The running checkpoint or the last; completes without error.</summary>
    public Task Pending { get; private set; } = Task.CompletedTask;

    public Exception? Failure { get; private set; }

    public void AfterCommit(Snapshot snapshot)
    {
        lock (_lock)
        {
            var isDue = snapshot.Version % TableProperties.CheckpointInterval(snapshot.Metadata) == 0 || (table.Log.DamagedCheckpoint is not null && Failure is null);
            if (!isDue && (Failure is null || table.Time.GetElapsedTime(_failedAt) < Pauses.Delay(_failures))) return;
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
            var failure = await Background.FailureAsync(
                cancel => CheckpointWriter.WriteAsync(table.Store, table.Path, snapshot, table.Time.GetUtcNow(), cancel), CancellationToken.None);
            Tell(snapshot.Version, failure);
            if (failure is not null) continue;
            if (await Background.FailureAsync(cancel => CleanUpAsync(snapshot, cancel), CancellationToken.None) is { } uncleaned)
                LogNotCleaned(uncleaned is PipelineException ? null : uncleaned, table.Path, uncleaned.Message);
        }
    }

    private void Tell(long version, Exception? failure)
    {
        bool hasRecovered;
        lock (_lock)
        {
            hasRecovered = Failure is not null && failure is null;
            _failures = failure is null ? 0 : _failures + 1;
            if (failure is not null) _failedAt = table.Time.GetTimestamp();
            Failure = failure;
            if (failure is null) table.Log.DamagedCheckpoint = null;
        }

        if (failure is not null) LogNotWritten(failure is PipelineException ? null : failure, table.Path, version, failure.Message, Pauses.Delay(_failures));
        else if (hasRecovered) LogWrittenAgain(table.Path, version);
    }

    private async ValueTask CleanUpAsync(Snapshot snapshot, CancellationToken cancellationToken)
    {
        if (_cleanedAt is { } last && table.Time.GetElapsedTime(last) < CleanupInterval) return;
        var cleaned = await LogCleanup.RunAsync(table, snapshot, cancellationToken);
        if (log.IsEnabled(LogLevel.Warning))
            foreach (var reading in cleaned.Dropped) LogDropped(table.Path, reading.Reader, reading.Version, reading.AskedAt);
        if (log.IsEnabled(LogLevel.Information))
            foreach (var reading in cleaned.Held) LogHeld(table.Path, reading.Reader, reading.Version);
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

    [LoggerMessage(Level = LogLevel.Warning, Message = "Table {Table}: no checkpoint of version {Version} could be written: {Cause} The table is whole, but opens slower. It is tried again with the first commit after {Pause}.")]
    private partial void LogNotWritten(Exception? exception, string table, long version, string cause, TimeSpan pause);

    [LoggerMessage(Level = LogLevel.Information, Message = "Table {Table}: checkpoints are written again, the last one of version {Version}")]
    private partial void LogWrittenAgain(string table, long version);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Table {Table}: its log holds no commits back any more for {Reader}, which has read up to version {Version} and has asked for nothing since {AskedAt:yyyy-MM-dd}. If it is still configured, its next run makes it from the whole table.")]
    private partial void LogDropped(string table, TableId reader, long version, DateTimeOffset askedAt);

    [LoggerMessage(Level = LogLevel.Information, Message = "Table {Table}: its log keeps commits that are old enough to go for {Reader}, which has read up to version {Version}")]
    private partial void LogHeld(string table, TableId reader, long version);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Table {Table}: its log could not be cleaned up: {Cause} It is tried again after the next checkpoint.")]
    private partial void LogNotCleaned(Exception? exception, string table, string cause);
}
