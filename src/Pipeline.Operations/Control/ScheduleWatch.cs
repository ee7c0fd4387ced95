using System.Collections.Concurrent;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Control;

/// <summary>
/// Has tables run at the times that operators wish. Whether a time was missed is decided from the log of the table's runs: however many
/// were, and whoever watched before, it runs once.
/// </summary>
internal sealed class ScheduleWatch(Lake lake, IOrderWork work, TimeProvider time, Action<TableId, Exception> failed)
{
    private readonly ConcurrentDictionary<TableId, DateTimeOffset> _begun = [];
    private readonly ConcurrentDictionary<TableId, byte> _looking = [];
    private readonly ConcurrentDictionary<TableId, string> _failures = [];

    /// <summary>Looks whether a table's time has come, and has it run if so. Returns at once.</summary>
    public void Follow(Wish wish, CancellationToken stopping)
    {
        var table = wish.Target.Table!;
        if (!IsDue(wish, _begun.GetValueOrDefault(table)) || !_looking.TryAdd(table, 0)) return;
        Background.Start(cancel => FollowAsync(wish, table, cancel), failure =>
        {
            _looking.TryRemove(table, out _);
            // Once for each reason: it is looked at again with each look.
            if (failure is null) _failures.TryRemove(table, out _);
            else if (_failures.GetValueOrDefault(table) is var told && (_failures[table] = failure.Message) != told) failed(table, failure);
        }, stopping);
    }

    /// <exception cref="PipelineException">The table's log cannot be read, or nobody has it run.</exception>
    internal async ValueTask FollowAsync(Wish wish, TableId table, CancellationToken cancellationToken)
    {
        var last = await LastRunAsync(table, cancellationToken);
        if (last is { } ran && ran > _begun.GetValueOrDefault(table)) _begun[table] = ran;
        if (!IsDue(wish, _begun.GetValueOrDefault(table))) return;
        await work.TriggerAsync(table, cancellationToken);
        // A run that finds nothing to do leaves no trace.
        _begun[table] = time.GetUtcNow();
    }

    private bool IsDue(Wish wish, DateTimeOffset begun) => CronSchedule.Parse(wish.Value ?? "").IsDue(begun > wish.At ? begun : wish.At, time.GetUtcNow());

    private async ValueTask<DateTimeOffset?> LastRunAsync(TableId table, CancellationToken cancellationToken)
    {
        if (await lake.TryOpenAsync(table, cancellationToken) is not { } opened) return null;
        await foreach (var (_, info) in opened.HistoryAsync(cancellationToken))
            if (info?.OperationParameters.ContainsKey(JobPins.Parameter) == true) return info.Timestamp;
        return null;
    }
}
