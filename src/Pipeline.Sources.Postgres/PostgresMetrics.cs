using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Core.Metrics;
using Pipeline.Sources.Postgres.Reading.Capture;

namespace Pipeline.Sources.Postgres;

/// <summary>What one source measures.</summary>
internal sealed class PostgresMetrics : IDisposable
{
    private readonly PipelineMeter _meter = new(Instruments.PostgresMeter);
    private readonly string _source;
    private readonly ConcurrentDictionary<SnapshotProgress, byte> _snapshots = [];
    private readonly ConcurrentDictionary<ChunkQueue, byte> _queues = [];
    private readonly Counter<long> _records;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _gaps;
    private readonly Counter<long> _nulled;
    private readonly Counter<long> _unknown;
    private volatile SlotState? _slot;

    /// <param name="lags">How long ago the moment was up to which each table has been read.</param>
    public PostgresMetrics(string source, Func<IEnumerable<(string Table, TimeSpan Age)>> lags)
    {
        _source = source;
        _records = _meter.Counter(Instruments.PostgresRecords);
        _bytes = _meter.Counter(Instruments.PostgresBytes);
        _meter.Gauge<long>(Instruments.PostgresInFlightBytes, () => [(_queues.Keys.Sum(queue => queue.Bytes), [_source])]);
        _nulled = _meter.Counter(Instruments.PostgresNulled);
        _unknown = _meter.Counter(Instruments.PostgresUnknown);
        _gaps = _meter.Counter(Instruments.PostgresGaps);
        _meter.Gauge(Instruments.SlotRetainedBytes, () => Slot(slot => slot.RetainedBytes));
        _meter.Gauge(Instruments.SlotSafeBytes, () => Slot(slot => slot.SafeBytes));
        _meter.Gauge(Instruments.SlotStatus, () => Slot(slot => (long)slot.Health));
        _meter.Gauge(Instruments.LagBytes, () => Slot(slot => slot.LagBytes));
        _meter.Gauge<double>(Instruments.PostgresLagSeconds, () => lags().Select(lag => (lag.Age.TotalSeconds, new object[] { _source, lag.Table, 0 })));
        _meter.Gauge(Instruments.SnapshotRows, () => Snapshots<long>(snapshot => snapshot.Rows));
        _meter.Gauge(Instruments.SnapshotRowsExpected, () => Snapshots(snapshot => snapshot.RowsExpected));
        _meter.Gauge(Instruments.SnapshotPercent, () => Snapshots<double>(snapshot => snapshot.Percent));
        _meter.Gauge(Instruments.SnapshotRemaining, () => Snapshots(snapshot => snapshot.Remaining?.TotalSeconds));
    }

    public void Started(ChunkQueue queue) => _queues.TryAdd(queue, 0);

    public void Read(Chunk chunk)
    {
        if (chunk.RowCount == 0) return;
        _records.Add(chunk.RowCount, Instruments.PostgresRecords.Tagged(_source, chunk.Table));
        _bytes.Add(chunk.SourceBytes, Instruments.PostgresBytes.Tagged(_source, chunk.Table));
        foreach (var (column, values) in chunk.Nulled ?? ImmutableDictionary<string, long>.Empty) _nulled.Add(values, Instruments.PostgresNulled.Tagged(_source, chunk.Table, column));
    }

    /// <param name="values">Of rows that have another key, which the server did not send and which could not be read.</param>
    public void Unknown(string table, long values) => _unknown.Add(values, Instruments.PostgresUnknown.Tagged(_source, table));

    public void Stopped(ChunkQueue queue) => _queues.TryRemove(queue, out _);

    /// <param name="slot">As it was seen last; null when it is not read here any more.</param>
    public void Seen(SlotState? slot) => _slot = slot;

    /// <param name="tables">Those that get no further.</param>
    public void Gap(IEnumerable<string> tables)
    {
        foreach (var table in tables) _gaps.Add(1, Instruments.PostgresGaps.Tagged(_source, table));
    }

    public void Started(SnapshotProgress snapshot) => _snapshots.TryAdd(snapshot, 0);

    public void Stopped(SnapshotProgress snapshot) => _snapshots.TryRemove(snapshot, out _);

    public void Dispose() => _meter.Dispose();

    private IEnumerable<(long, object[])> Slot(Func<SlotState, long?> figure)
    {
        if (_slot is { } slot && figure(slot) is { } value) yield return (value, [_source]);
    }

    private IEnumerable<(T, object[])> Snapshots<T>(Func<SnapshotProgress, T?> figure) where T : struct
    {
        foreach (var snapshot in _snapshots.Keys)
            if (figure(snapshot) is { } value) yield return (value, [_source, snapshot.Table, snapshot.RelationOid]);
    }
}
