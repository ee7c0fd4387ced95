using System.Globalization;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Kpis;

/// <summary>A run that committed, as the table's log tells it.</summary>
internal sealed record LoggedRun(long Version, DateTimeOffset At, JobPins Pins, RunQuality? Quality, long RowsWritten, double? Cost);

/// <summary>What a table's log says of some days and of the time before them that still counts.</summary>
internal sealed class TablePast(TableId id, DeltaTable table)
{
    /// <summary>The metric of a commit that says what its run was billed.</summary>
    public const string CostMetric = "cost";

    private readonly Dictionary<long, bool> _hasRows = [];
    private IReadOnlyList<(long Version, DateTimeOffset At)> _commits = [];

    public TableId Id => id;

    public DeltaTable Table => table;

    /// <summary>The oldest first; the one before the first day leads, when there is one.</summary>
    public IReadOnlyList<LoggedRun> Runs { get; private set; } = [];

    public IEnumerable<(long Version, DateTimeOffset At)> CommitsIn(DateTimeOffset from, DateTimeOffset to) => _commits.Where(commit => commit.At >= from && commit.At < to);

    public long? VersionBefore(DateTimeOffset moment) => _commits.Where(commit => commit.At < moment).Select(commit => (long?)commit.Version).LastOrDefault();

    public async Task ReadAsync(DateTimeOffset from, CancellationToken cancellationToken)
    {
        _commits = await table.CommitTimesAsync(cancellationToken);
        if (id.Layer == Layer.Bronze) return;
        var runs = new List<LoggedRun>();
        await foreach (var (version, info) in table.HistoryAsync(cancellationToken))
        {
            if (info is null || RunOf(version, info) is not { } run) continue;
            runs.Add(run);
            if (run.At < from) break;
        }

        runs.Reverse();
        Runs = runs;
    }

    /// <summary>When the first commit after a version brought rows; null when none has. A commit that only put files together brings none.</summary>
    public async ValueTask<DateTimeOffset?> FirstRowsAfterAsync(long version, CancellationToken cancellationToken)
    {
        // Versions follow one another: the commit after one is found by counting.
        var first = _commits.Count == 0 ? 0 : Math.Max(0, version + 1 - _commits[0].Version);
        for (var i = first; i < _commits.Count; i++)
        {
            var (candidate, at) = _commits[(int)i];
            if (!_hasRows.TryGetValue(candidate, out var has))
                _hasRows[candidate] = has = await table.TryReadCommitAsync(candidate, cancellationToken) is { } actions && actions.Any(action => action is AddFile { DataChange: true });
            if (has) return at;
        }

        return null;
    }

    /// <summary>How long the records of a commit had waited in the node; null when it does not say.</summary>
    public async ValueTask<double?> WaitedAsync(long version, CancellationToken cancellationToken)
    {
        if (await table.TryReadCommitAsync(version, cancellationToken) is not { } actions || actions.OfType<CommitInfo>().FirstOrDefault() is not { } info) return null;
        var received = actions.OfType<AddFile>().Where(file => file.DataChange).Select(file => ReceivedAt(file.Stats)).OfType<DateTimeOffset>().DefaultIfEmpty(DateTimeOffset.MaxValue).Min();
        return received == DateTimeOffset.MaxValue ? null : Math.Max(0, (info.Timestamp - received).TotalSeconds);
    }

    private static DateTimeOffset? ReceivedAt(string? stats)
    {
        if (stats is null) return null;
        using var json = JsonDocument.Parse(stats);
        return json.RootElement.TryGetProperty("minValues", out var least) && least.TryGetProperty(BronzeColumns.IngestedAt, out var at) && at.TryGetDateTimeOffset(out var received) ? received : null;
    }

    private LoggedRun? RunOf(long version, CommitInfo info)
    {
        try
        {
            return info.OperationParameters.TryGetValue(JobPins.Parameter, out var pins) ? RunOf(version, info, pins) : null;
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw new PipelineException(FaultKind.Damaged, $"Table {id}", $"its version {version} tells of its run in a way that cannot be read ({DataFaults.Cause(e)})",
                "Its figures are missing until that version has left the log.", e);
        }
    }

    private static LoggedRun RunOf(long version, CommitInfo info, string pins)
    {
        var metrics = info.OperationMetrics;
        return new LoggedRun(version, info.Timestamp, JobPins.FromJson(pins),
            metrics?.GetValueOrDefault(RunQuality.Metric) is { } quality ? RunQuality.FromJson(quality) : null,
            long.TryParse(metrics?.GetValueOrDefault("numRowsAdded"), CultureInfo.InvariantCulture, out var rows) ? rows : 0,
            double.TryParse(metrics?.GetValueOrDefault(CostMetric), CultureInfo.InvariantCulture, out var cost) ? cost : null);
    }
}
