using System.Diagnostics.Metrics;
using Pipeline.Core;
using Pipeline.Core.Metrics;

namespace Pipeline.Sources.Snowflake;

/// <summary>What one source measures.</summary>
internal sealed class SnowflakeMetrics : IDisposable
{
    private readonly PipelineMeter _meter = new(Instruments.SnowflakeMeter);
    private readonly string _source;
    private readonly string _warehouse;
    private readonly Counter<double> _warehouseSeconds;
    private readonly Counter<long> _records;
    private readonly Counter<long> _bytes;
    private readonly Histogram<double> _statements;
    private long _bytesAhead;

    /// <param name="lags">How long ago the moment was up to which each table has been read.</param>
    public SnowflakeMetrics(string source, string warehouse, Func<IEnumerable<(string Table, TimeSpan Age)>> lags)
    {
        _source = source;
        _warehouse = warehouse;
        _warehouseSeconds = _meter.PreciseCounter(Instruments.WarehouseSeconds);
        _records = _meter.Counter(Instruments.SnowflakeRecords);
        _bytes = _meter.Counter(Instruments.SnowflakeBytes);
        _statements = _meter.Histogram(Instruments.StatementDuration);
        _meter.Gauge<double>(Instruments.SnowflakeLagSeconds, () => lags().Select(lag => (lag.Age.TotalSeconds, new object[] { _source, lag.Table, 0 })));
        _meter.Gauge<long>(Instruments.SnowflakeInFlightBytes, () => [(Interlocked.Read(ref _bytesAhead), [_source])]);
    }

    public void Read(Chunk chunk)
    {
        if (chunk.RowCount > 0) _records.Add(chunk.RowCount, Instruments.SnowflakeRecords.Tagged(_source, chunk.Table));
    }

    /// <param name="bytes">Of an answer with rows.</param>
    public void Fetched(string table, long bytes) => _bytes.Add(bytes, Instruments.SnowflakeBytes.Tagged(_source, table));

    /// <param name="bytes">Of partitions that are fetched from now on; negative when they have been taken.</param>
    public void Ahead(long bytes) => Interlocked.Add(ref _bytesAhead, bytes);

    public void Executed(TimeSpan took)
    {
        _statements.Record(took.TotalSeconds, Instruments.StatementDuration.Tagged(_source));
        _warehouseSeconds.Add(took.TotalSeconds, Instruments.WarehouseSeconds.Tagged(_source, _warehouse));
    }

    public void Dispose() => _meter.Dispose();
}
