using System.Diagnostics.Metrics;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Core.Metrics;

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

    public IngestMeter(ByteBudget budget)
    {
        _rows = _meter.Counter(Instruments.IngestRows);
        _bytes = _meter.Counter(Instruments.IngestBytes);
        _deadLetters = _meter.Counter(Instruments.DeadLetters);
        _refusals = _meter.Counter(Instruments.Refusals);
        _commitSeconds = _meter.Histogram(Instruments.CommitDuration);
        _freshnessSeconds = _meter.Histogram(Instruments.Freshness);
        _meter.Gauge<long>(Instruments.BufferBytes, () => [(budget.BytesUsed, [])]);
    }

    public void Dispose() => _meter.Dispose();

    internal void Committed(TableId table, long rows, long bytes, TimeSpan took, TimeSpan? freshness)
    {
        _rows.Add(rows, Instruments.IngestRows.Tagged(table));
        _bytes.Add(bytes, Instruments.IngestBytes.Tagged(table));
        _commitSeconds.Record(took.TotalSeconds, Instruments.CommitDuration.Tagged(table));
        if (freshness is { } age) _freshnessSeconds.Record(age.TotalSeconds, Instruments.Freshness.Tagged(table));
    }

    internal void Refused(TableId table) => _refusals.Add(1, Instruments.Refusals.Tagged(table));

    internal void DeadLettered(TableId table, long records) => _deadLetters.Add(records, Instruments.DeadLetters.Tagged(table));
}
