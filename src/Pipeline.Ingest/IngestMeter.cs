using System.Diagnostics.Metrics;
using Pipeline.Core;
using Pipeline.Core.Buffers;

namespace Pipeline.Ingest;

/// <summary>The instruments of <c>Pipeline.Ingest</c>; every measurement of a table is tagged <c>table</c>.</summary>
public sealed class IngestMeter : IDisposable
{
    public const string Name = "Pipeline.Ingest";

    private readonly Meter _meter = new(Name);
    private readonly Counter<long> _rows;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _deadLetters;
    private readonly Counter<long> _refusals;
    private readonly Histogram<double> _commitSeconds;
    private readonly Histogram<double> _freshnessSeconds;

    public IngestMeter(ByteBudget budget)
    {
        _rows = _meter.CreateCounter<long>("pipeline.ingest.rows", "{row}", "Rows committed to Bronze");
        _bytes = _meter.CreateCounter<long>("pipeline.ingest.bytes", "By", "Bytes of data files committed to Bronze");
        _deadLetters = _meter.CreateCounter<long>("pipeline.ingest.dead_letters", "{record}", "Records that could not be decoded, re-reads included");
        _refusals = _meter.CreateCounter<long>("pipeline.ingest.refusals", "{stage}", "Stages refused because another writer had moved the table");
        _commitSeconds = _meter.CreateHistogram<double>("pipeline.ingest.commit.duration", "s", "From staging to the committer's answer");
        _freshnessSeconds = _meter.CreateHistogram<double>("pipeline.ingest.freshness", "s", "From the newest event of a commit to its commit");
        _meter.CreateObservableGauge("pipeline.ingest.buffer.bytes", () => budget.BytesUsed, "By", "Memory held by chunks between source and data file");
    }

    public void Dispose() => _meter.Dispose();

    internal void Committed(string table, long rows, long bytes, TimeSpan took, TimeSpan? freshness)
    {
        var tag = KeyValuePair.Create<string, object?>("table", table);
        _rows.Add(rows, tag);
        _bytes.Add(bytes, tag);
        _commitSeconds.Record(took.TotalSeconds, tag);
        if (freshness is { } age) _freshnessSeconds.Record(age.TotalSeconds, tag);
    }

    internal void Refused(string table) => _refusals.Add(1, KeyValuePair.Create<string, object?>("table", table));

    internal void DeadLettered(Split split, string table, long records) =>
        _deadLetters.Add(records, KeyValuePair.Create<string, object?>("table", TableId.Bronze(split.Id.Source, table).ToString()));
}
