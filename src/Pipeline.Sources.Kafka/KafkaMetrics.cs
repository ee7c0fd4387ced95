using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Pipeline.Core.Metrics;
using Pipeline.Sources.Kafka.Reading;

namespace Pipeline.Sources.Kafka;

/// <summary>What one source measures.</summary>
internal sealed class KafkaMetrics : IDisposable
{
    private readonly PipelineMeter _meter = new(Instruments.KafkaMeter);
    private readonly string _source;
    private readonly ConcurrentDictionary<KafkaReader, byte> _readers = [];
    private readonly Counter<long> _records;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _gaps;

    public KafkaMetrics(string source)
    {
        _source = source;
        _records = _meter.Counter(Instruments.KafkaRecords);
        _bytes = _meter.Counter(Instruments.KafkaBytes);
        _gaps = _meter.Counter(Instruments.KafkaGaps);
        _meter.Gauge(Instruments.LagRecords, () => Lags(partition => partition.LagRecords));
        _meter.Gauge(Instruments.LagSeconds, () => Lags(partition => partition.LagSeconds));
        _meter.Gauge<long>(Instruments.KafkaInFlightBytes, () => [(_readers.Keys.Sum(reader => reader.InFlightBytes), [_source])]);
    }

    public void Read(string table, int records, long bytes)
    {
        if (records > 0) _records.Add(records, Instruments.KafkaRecords.Tagged(_source, table));
        if (bytes > 0) _bytes.Add(bytes, Instruments.KafkaBytes.Tagged(_source, table));
    }

    public void Gap(string table) => _gaps.Add(1, Instruments.KafkaGaps.Tagged(_source, table));

    public void Started(KafkaReader reader) => _readers.TryAdd(reader, 0);

    public void Stopped(KafkaReader reader) => _readers.TryRemove(reader, out _);

    public void Dispose() => _meter.Dispose();

    private IEnumerable<(T, object[])> Lags<T>(Func<PartitionReading, T?> lag) where T : struct
    {
        foreach (var reader in _readers.Keys)
            foreach (var partition in reader.Partitions)
                if (lag(partition) is { } value) yield return (value, [_source, partition.Table, partition.Partition]);
    }
}
