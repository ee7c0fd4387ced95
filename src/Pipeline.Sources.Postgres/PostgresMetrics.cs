using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Pipeline.Sources.Postgres.Reading.Capture;

namespace Pipeline.Sources.Postgres;

/// <summary>The instruments of one source, on the meter <c>Pipeline.Sources.Postgres</c>.</summary>
internal sealed class PostgresMetrics : IDisposable
{
    public const string MeterName = "Pipeline.Sources.Postgres";

    private readonly Meter _meter = new(MeterName);
    private readonly string _source;
    private readonly ConcurrentDictionary<SnapshotProgress, byte> _snapshots = [];
    private readonly Counter<long> _gaps;
    private volatile SlotState? _slot;

    public PostgresMetrics(string source)
    {
        _source = source;
        _gaps = _meter.CreateCounter<long>("pipeline.source.gaps", "{gap}", "Readings halted because changes were gone.");
        _meter.CreateObservableGauge("pipeline.source.slot.retained.bytes", () => Slot(slot => slot.RetainedBytes), "By", "WAL that the server keeps for the slot.");
        _meter.CreateObservableGauge("pipeline.source.slot.safe.bytes", () => Slot(slot => slot.SafeBytes), "By",
            "WAL that may still be written before the slot loses changes; absent without a limit on the server.");
        _meter.CreateObservableGauge("pipeline.source.slot.status", () => Slot(slot => (long)slot.Health), "{status}", "0 reserved, 1 extended, 2 unreserved, 3 lost.");
        _meter.CreateObservableGauge("pipeline.source.lag.bytes", () => Slot(slot => slot.LagBytes), "By", "WAL between what the lake has confirmed and the server's end.");
        _meter.CreateObservableGauge("pipeline.source.snapshot.rows", () => Snapshots<long>(snapshot => snapshot.Rows), "{row}", "Rows of a running snapshot read since it was started or resumed.");
        _meter.CreateObservableGauge("pipeline.source.snapshot.rows.expected", () => Snapshots(snapshot => snapshot.RowsExpected), "{row}",
            "Rows that the server estimates for the whole table.");
        _meter.CreateObservableGauge("pipeline.source.snapshot.percent", () => Snapshots<double>(snapshot => snapshot.Percent), "%", "How much of the table's blocks has been read.");
        _meter.CreateObservableGauge("pipeline.source.snapshot.remaining.seconds", () => Snapshots(snapshot => snapshot.Remaining?.TotalSeconds), "s",
            "Time left at the pace so far.");
    }

    /// <param name="slot">As it was seen last; null when it is not read here any more.</param>
    public void Seen(SlotState? slot) => _slot = slot;

    public void Gap() => _gaps.Add(1, Tag("source", _source));

    public void Started(SnapshotProgress snapshot) => _snapshots.TryAdd(snapshot, 0);

    public void Stopped(SnapshotProgress snapshot) => _snapshots.TryRemove(snapshot, out _);

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> Slot(Func<SlotState, long?> figure)
    {
        if (_slot is { } slot && figure(slot) is { } value) yield return new Measurement<long>(value, Tag("source", _source));
    }

    private IEnumerable<Measurement<T>> Snapshots<T>(Func<SnapshotProgress, T?> figure) where T : struct
    {
        foreach (var snapshot in _snapshots.Keys)
            if (figure(snapshot) is { } value)
                yield return new Measurement<T>(value, Tag("source", _source), Tag("table", snapshot.Table), Tag("relation", snapshot.RelationOid));
    }

    private static KeyValuePair<string, object?> Tag(string name, object value) => new(name, value);
}
