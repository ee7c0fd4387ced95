using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Pipeline.Sources.Kafka.Reading;

namespace Pipeline.Sources.Kafka;

/// <summary>The instruments of one source, on the meter <c>Pipeline.Sources.Kafka</c>.</summary>
internal sealed class KafkaMetrics : IDisposable
{
    public const string MeterName = "Pipeline.Sources.Kafka";

    private readonly Meter _meter = new(MeterName);
    private readonly string _source;
    private readonly ConcurrentDictionary<KafkaReader, byte> _readers = [];
    private readonly Counter<long> _records;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _deadLetters;
    private readonly Counter<long> _gaps;

    public KafkaMetrics(string source)
    {
        _source = source;
        _records = _meter.CreateCounter<long>("pipeline.source.records", "{record}", "Records read into chunks.");
        _bytes = _meter.CreateCounter<long>("pipeline.source.bytes", "By", "Bytes of keys and values read.");
        _deadLetters = _meter.CreateCounter<long>("pipeline.source.dead_letters", "{record}", "Records that could not be decoded.");
        _gaps = _meter.CreateCounter<long>("pipeline.source.gaps", "{gap}", "Readings halted because records were gone.");
        _meter.CreateObservableGauge("pipeline.source.lag.records", () => Lags(partition => partition.LagRecords), "{record}",
            "Records between the position and the partition's end.");
        _meter.CreateObservableGauge("pipeline.source.lag.seconds", () => Lags(partition => partition.LagSeconds), "s",
            "Age of the newest record read while others wait behind it.");
        _meter.CreateObservableGauge("pipeline.source.in_flight.bytes", () =>
            new Measurement<long>(_readers.Keys.Sum(reader => reader.InFlightBytes), Tag("source", _source)), "By", "Memory of chunks that are open or wait to be taken.");
    }

    public void Read(string table, int records, long bytes, int deadLetters)
    {
        var (source, of) = (Tag("source", _source), Tag("table", table));
        if (records > 0) _records.Add(records, source, of);
        if (bytes > 0) _bytes.Add(bytes, source, of);
        if (deadLetters > 0) _deadLetters.Add(deadLetters, source, of);
    }

    public void Gap(string table) => _gaps.Add(1, Tag("source", _source), Tag("table", table));

    public void Started(KafkaReader reader) => _readers.TryAdd(reader, 0);

    public void Stopped(KafkaReader reader) => _readers.TryRemove(reader, out _);

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<T>> Lags<T>(Func<PartitionReading, T?> lag) where T : struct
    {
        foreach (var reader in _readers.Keys)
            foreach (var partition in reader.Partitions)
                if (lag(partition) is { } value)
                    yield return new Measurement<T>(value, Tag("source", _source), Tag("table", partition.Table), Tag("partition", partition.Partition));
    }

    private static KeyValuePair<string, object?> Tag(string name, object value) => new(name, value);
}
