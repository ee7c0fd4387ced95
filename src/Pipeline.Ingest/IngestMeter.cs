using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Core.Metrics;
using Pipeline.Delta.Log;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest;

/// <summary>What Ingest measures.</summary>
public sealed class IngestMeter : IDisposable
{
    private readonly PipelineMeter _meter = new(Instruments.IngestMeter);
    private readonly Counter<long> _rows;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _deadLetters;
    private readonly Counter<long> _refusals;
    private readonly Histogram<double> _commitSeconds;
    private readonly Histogram<double> _freshnessSeconds;
    private readonly Histogram<double> _ingestSeconds;
    private readonly Histogram<double> _rate;
    private readonly Counter<long> _errors;
    private readonly Histogram<double> _recovery;
    private readonly ConcurrentDictionary<TableId, Snapshot> _tables = [];

    public IngestMeter(ByteBudget budget)
    {
        _rows = _meter.Counter(Instruments.IngestRows);
        _bytes = _meter.Counter(Instruments.IngestBytes);
        _deadLetters = _meter.Counter(Instruments.DeadLetters);
        _refusals = _meter.Counter(Instruments.Refusals);
        _commitSeconds = _meter.Histogram(Instruments.CommitDuration);
        _freshnessSeconds = _meter.Histogram(Instruments.Freshness);
        _ingestSeconds = _meter.Histogram(Instruments.IngestDuration);
        _rate = _meter.Histogram(Instruments.IngestRate);
        _errors = _meter.Counter(Instruments.IngestErrors);
        _recovery = _meter.Histogram(Instruments.IngestRecovery);
        _meter.Gauge<long>(Instruments.BronzeBytes, () => _tables.Select(table => (table.Value.Bytes, new object[] { table.Key, table.Key.LayerName })));
        _meter.Gauge<long>(Instruments.BronzeFiles, () => _tables.Select(table => ((long)table.Value.FilesByPath.Count, new object[] { table.Key, table.Key.LayerName })));
        _meter.Gauge<long>(Instruments.DeadLetterRows, () => _tables.Where(table => table.Key.Name == TableId.DeadLetterName).Select(table => (table.Value.RowCount ?? 0, new object[] { table.Key.Source! })));
        _meter.Gauge<long>(Instruments.BufferBytes, () => [(budget.BytesUsed, [])]);
    }

    /// <summary>What all committers of this node know of its clock.</summary>
    internal ClockWatch Clocks { get; } = new();

    public void Dispose() => _meter.Dispose();

    /// <param name="reports">The newest of every worker of this node; called from any thread.</param>
    internal void Observe(Func<IEnumerable<WorkerStatus>> reports)
    {
        _meter.Gauge<long>(Instruments.IngestedState, () => reports().GroupBy(worker => worker.Table)
            .Select(workers => ((long)workers.Max(worker => StateOf(worker.State)), new object[] { workers.Key })));
        // A split that feeds several tables is in the report of each; one that is halted is not among those that are read.
        _meter.Gauge<long>(Instruments.SplitState, () => reports().SelectMany(worker => worker.Splits.Select(split => split.Id).Concat(worker.Halts.Splits.Keys).Select(id => (Id: id, State: StateOf(worker, id))))
            .GroupBy(split => split.Id).Select(split => ((long)split.Max(seen => seen.State), new object[] { split.Key.Source, split.Key.Name })));
    }

    /// <param name="took">From staging to the answer.</param>
    /// <param name="since">The first record was written; null: there was none.</param>
    internal void Committed(TableId table, long rows, long bytes, TimeSpan took, TimeSpan? freshness, TimeSpan? since)
    {
        if (rows > 0 && since is { } duration && duration > TimeSpan.Zero)
        {
            _ingestSeconds.Record(duration.TotalSeconds, Instruments.IngestDuration.Tagged(table.Source!));
            _rate.Record(rows / duration.TotalSeconds, Instruments.IngestRate.Tagged(table));
        }

        _rows.Add(rows, Instruments.IngestRows.Tagged(table));
        _bytes.Add(bytes, Instruments.IngestBytes.Tagged(table));
        _commitSeconds.Record(took.TotalSeconds, Instruments.CommitDuration.Tagged(table));
        if (freshness is { } age) _freshnessSeconds.Record(age.TotalSeconds, Instruments.Freshness.Tagged(table));
    }

    internal void Refused(TableId table) => _refusals.Add(1, Instruments.Refusals.Tagged(table));

    /// <summary>The newest version that a table's committer, on this node, knows.</summary>
    internal void Sees(TableId table, Snapshot snapshot) => _tables[table] = snapshot;

    /// <summary>The table's committer is not here any more.</summary>
    internal void Leaves(TableId table) => _tables.TryRemove(table, out _);

    internal void Failed(TableId table, FaultKind kind) => _errors.Add(1, Instruments.IngestErrors.Tagged(table, MeasuredFault.NameOf(kind)));

    /// <param name="after"><c>start</c>, <c>fault</c> or <c>halt</c>.</param>
    internal void Recovered(TableId table, string after, TimeSpan took) => _recovery.Record(took.TotalSeconds, Instruments.IngestRecovery.Tagged(table, after));

    internal void DeadLettered(TableId table, long records) => _deadLetters.Add(records, Instruments.DeadLetters.Tagged(table));

    /// <summary>A worker that is halted by single splits reads the others.</summary>
    private static MeasuredState StateOf(WorkerStatus worker, SplitId split) =>
        worker.Halts.Hold(split) ? MeasuredState.Halted
        : worker is { State: IngestState.Halted, Halts.Worker: null } ? MeasuredState.GoesOn
        : StateOf(worker.State);

    private static MeasuredState StateOf(IngestState state) => state switch
    {
        IngestState.Starting => MeasuredState.Waits,
        IngestState.Running => MeasuredState.GoesOn,
        IngestState.Retrying => MeasuredState.TriedAgain,
        IngestState.Draining or IngestState.Paused => MeasuredState.Rests,
        IngestState.Halted => MeasuredState.Halted,
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, "Unknown state."),
    };
}
