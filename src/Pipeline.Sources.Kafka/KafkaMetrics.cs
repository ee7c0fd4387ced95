using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Pipeline.Core.Metrics;

namespace Pipeline.Sources.Kafka;

/// <summary>How far behind a partition is; what is not known yet is null.</summary>
/// <param name="Unreadable">Of <paramref name="Records"/>, those that brokers do not hand out before an open transaction ends.</param>
internal readonly record struct PartitionLag(string Table, int Partition, long? Records, double? Seconds, long? Unreadable);

/// <summary>What a reading that runs can be asked at any time.</summary>
internal interface IReadingFigures
{
    long InFlightBytes { get; }

    IEnumerable<PartitionLag> Lags { get; }
}

/// <summary>What one source measures.</summary>
internal sealed class KafkaMetrics : IDisposable
{
    private readonly PipelineMeter _meter = new(Instruments.KafkaMeter);
    private readonly string _source;
    private readonly ConcurrentDictionary<IReadingFigures, byte> _readings = [];
    private readonly Counter<long> _records;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _gaps;

    public KafkaMetrics(string source)
    {
        _source = source;
        _records = _meter.Counter(Instruments.KafkaRecords);
        _bytes = _meter.Counter(Instruments.KafkaBytes);
        _gaps = _meter.Counter(Instruments.KafkaGaps);
        _meter.Gauge(Instruments.LagRecords, () => Lags(lag => lag.Records));
        _meter.Gauge(Instruments.LagSeconds, () => Lags(lag => lag.Seconds));
        _meter.Gauge(Instruments.LagUnreadable, () => Lags(lag => lag.Unreadable));
        _meter.Gauge<long>(Instruments.KafkaInFlightBytes, () => [(_readings.Keys.Sum(reading => reading.InFlightBytes), [_source])]);
    }

    public void Read(string table, int records, long bytes)
    {
        if (records > 0) _records.Add(records, Instruments.KafkaRecords.Tagged(_source, table));
        if (bytes > 0) _bytes.Add(bytes, Instruments.KafkaBytes.Tagged(_source, table));
    }

    public void Gap(string table) => _gaps.Add(1, Instruments.KafkaGaps.Tagged(_source, table));

    public void Started(IReadingFigures reading) => _readings.TryAdd(reading, 0);

    public void Stopped(IReadingFigures reading) => _readings.TryRemove(reading, out _);

    public void Dispose() => _meter.Dispose();

    private IEnumerable<(T, object[])> Lags<T>(Func<PartitionLag, T?> figure) where T : struct
    {
        foreach (var lag in _readings.Keys.SelectMany(reading => reading.Lags))
            if (figure(lag) is { } value) yield return (value, [_source, lag.Table, lag.Partition]);
    }
}
