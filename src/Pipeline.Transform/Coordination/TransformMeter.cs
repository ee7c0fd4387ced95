using System.Diagnostics.Metrics;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Delta.Log;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Coordination;

/// <summary>What the coordinator measures: of every Silver and Gold table, whichever node runs its jobs.</summary>
internal sealed class TransformMeter : IDisposable
{
    private readonly PipelineMeter _meter = new(Instruments.TransformMeter);
    private readonly Func<MedallionState> _state;
    private readonly TimeProvider _time;
    private readonly NewestEvents _events = new();
    private readonly Dictionary<TableId, RunQuality> _quality = [];
    private readonly Counter<long> _runs;
    private readonly Histogram<double> _runSeconds;
    private readonly Histogram<double> _endToEndSeconds;
    private readonly Histogram<double> _rate;
    private readonly Counter<long> _ruleFailures;
    private readonly Counter<long> _errors;
    private readonly Histogram<double> _recovery;
    private readonly Histogram<double> _runCost;
    private readonly Histogram<double> _recordCost;

    /// <summary>When tables that fail began to, and whether they have stopped since.</summary>
    private readonly Dictionary<TableId, (DateTimeOffset Since, bool IsStopped)> _failing = [];

    /// <param name="state">As it is now; called from any thread.</param>
    public TransformMeter(Func<MedallionState> state, OpenTables tables, TimeProvider time)
    {
        (_state, _time) = (state, time);
        _runs = _meter.Counter(Instruments.TableRuns);
        _runSeconds = _meter.Histogram(Instruments.RunDuration);
        _endToEndSeconds = _meter.Histogram(Instruments.PipelineDuration);
        _rate = _meter.Histogram(Instruments.RunRate);
        _ruleFailures = _meter.Counter(Instruments.RuleFailures);
        _errors = _meter.Counter(Instruments.TransformErrors);
        _recovery = _meter.Histogram(Instruments.TransformRecovery);
        _runCost = _meter.Histogram(Instruments.RunCost);
        _recordCost = _meter.Histogram(Instruments.RecordCost);
        _meter.Gauge<long>(Instruments.TransformedState, () => _state().ToStatus(_time.GetUtcNow()).Tables.Select(table => ((long)StateOf(table.Activity), new object[] { table.Table })));
        _meter.Gauge<long>(Instruments.JobState, () => _state().Tables.Select(table => (JobOf(table), new object[] { table.Table })));
        _meter.Gauge<double>(Instruments.Quality, Qualities);
        _meter.Gauge<long>(Instruments.HeldRows, () => Runs().Where(run => run.Value.Held is not null).Select(run => (run.Value.Held!.Value, new object[] { run.Key })));
        // Bronze is measured by who commits to it.
        IEnumerable<(TableId Id, Snapshot Seen)> Made() => tables.Known.Where(table => table.Id.Layer != Layer.Bronze);
        _meter.Gauge<long>(Instruments.TransformedBytes, () => Made().Select(table => (table.Seen.Bytes, new object[] { table.Id, table.Id.LayerName })));
        _meter.Gauge<long>(Instruments.TransformedFiles, () => Made().Select(table => ((long)table.Seen.FilesByPath.Count, new object[] { table.Id, table.Id.LayerName })));
        _meter.Gauge<long>(Instruments.QuarantinedRows, () => Made().Where(table => table.Id.Layer == Layer.Silver && table.Id.Name.EndsWith(TableId.QuarantineSuffix, StringComparison.Ordinal))
            .Select(table => (table.Seen.RowCount ?? 0, new object[] { TableId.Silver(table.Id.Name[..^TableId.QuarantineSuffix.Length]) })));
        _meter.Gauge<double>(Instruments.QuarantinedShare, () => Made().Where(table => _state().Find(table.Id) is { IsGold: false }).Select(table => (MassQuarantine.Of(table.Seen)?.Share ?? 0, new object[] { table.Id })));
        _meter.Gauge<long>(Instruments.UnreadFields, () => Made().Where(table => table.Seen.Metadata.Configuration.ContainsKey(UnreadFields.Property)).Select(table => (UnreadFields.Of(table.Seen).Count, new object[] { table.Id })));
    }

    /// <summary>A Bronze table has been committed to.</summary>
    public void Heard(BronzeCommitted committed) => _events.Announced(committed.Table, committed.Version, committed.NewestEventAt);

    /// <summary>Something has been decided of a table, and written down.</summary>
    /// <param name="message">From which it follows.</param>
    public void Happened(MedallionEvent happened, object message)
    {
        var outcome = happened switch
        {
            JobSucceeded => "succeeded",
            JobFailed => "failed",
            JobTooLarge => "too_large",
            JobDropped => "dropped",
            _ => null,
        };
        if (outcome is null) return;
        _runs.Add(1, Instruments.TableRuns.Tagged(happened.Table, outcome));
        if (message is JobEnded { Fault: { } fault }) _errors.Add(1, Instruments.TransformErrors.Tagged(happened.Table, MeasuredFault.NameOf(fault.Kind)));
        if (happened is JobFailed failed) _failing[failed.Table] = _failing.TryGetValue(failed.Table, out var known) ? (known.Since, known.IsStopped || failed.IsFinal) : (failed.At, failed.IsFinal);
        if (happened is JobSucceeded) GoesOn(happened.Table, happened.At);
        if (happened is JobSucceeded succeeded && message is JobEnded { Pins: { } pins, Result: { } result }) Succeeded(succeeded, pins, result);
    }

    /// <summary>A table that had failed has ended a run well, or has nothing left to do.</summary>
    public void GoesOn(TableId table, DateTimeOffset now)
    {
        if (_failing.Remove(table, out var failing)) _recovery.Record(now.Since(failing.Since).TotalSeconds, Instruments.TransformRecovery.Tagged(table, failing.IsStopped ? "halt" : "fault"));
    }

    public void Dispose() => _meter.Dispose();

    private void Succeeded(JobSucceeded succeeded, JobPins pins, JobResult result)
    {
        var table = succeeded.Table;
        _runSeconds.Record(succeeded.Took.TotalSeconds, Instruments.RunDuration.Tagged(table));
        if (_events.Brought(pins, result.Version) is { } newest) _endToEndSeconds.Record((succeeded.At - newest).TotalSeconds, Instruments.PipelineDuration.Tagged(table));
        if (result.Cost is { } cost)
        {
            _runCost.Record((double)cost, Instruments.RunCost.Tagged(table, pins.Engine ?? "duckdb"));
            if (result.Quality is { RowsIn: > 0 and var rows }) _recordCost.Record((double)cost / rows * 1_000_000, Instruments.RecordCost.Tagged(table));
        }

        if (result.Quality is not { } quality) return;
        lock (_quality) _quality[table] = quality;
        if (quality.RowsIn > 0 && succeeded.Took > TimeSpan.Zero) _rate.Record(quality.RowsIn / succeeded.Took.TotalSeconds, Instruments.RunRate.Tagged(table));
        foreach (var (rule, rows) in quality.QuarantinedByRule.Concat(quality.WarnedByRule)) _ruleFailures.Add(rows, Instruments.RuleFailures.Tagged(table, rule));
    }

    private KeyValuePair<TableId, RunQuality>[] Runs()
    {
        lock (_quality) return [.. _quality];
    }

    private IEnumerable<(double, object[])> Qualities() =>
        Runs().SelectMany(run => Enum.GetValues<Dimension>().Select(dimension => (ScoreOf(run.Value, dimension), new object[] { run.Key, NameOf(dimension) })));

    private static string NameOf(Dimension dimension) => dimension.ToString().ToLowerInvariant();

    private static double ScoreOf(RunQuality quality, Dimension dimension) => dimension switch
    {
        Dimension.Completeness => quality.Completeness,
        Dimension.Validity => quality.Validity,
        Dimension.Consistency => quality.Consistency,
        Dimension.Uniqueness => quality.Uniqueness,
        Dimension.Timeliness => quality.Timeliness,
        _ => throw new ArgumentOutOfRangeException(nameof(dimension), dimension, "Unknown dimension."),
    };

    private static MeasuredState StateOf(TableActivity activity) => activity switch
    {
        TableActivity.Current or TableActivity.Running => MeasuredState.GoesOn,
        TableActivity.Waiting => MeasuredState.Waits,
        TableActivity.Paused => MeasuredState.Rests,
        TableActivity.BackingOff => MeasuredState.TriedAgain,
        TableActivity.Stopped => MeasuredState.Halted,
        _ => throw new ArgumentOutOfRangeException(nameof(activity), activity, "Unknown activity."),
    };

    private static long JobOf(TableState table) => table switch
    {
        { Running.IsElsewhere: true } => 3,
        { Running: not null } => 2,
        { IsPlanning: true } => 1,
        _ => 0,
    };
}
