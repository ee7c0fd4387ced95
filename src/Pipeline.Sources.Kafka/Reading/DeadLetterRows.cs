using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Core.Columns;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>The records of one chunk that could not be decoded, in the schema of <see cref="DeadLetterColumns"/>.</summary>
internal sealed class DeadLetterRows : IDisposable
{
    private readonly ColumnMemory _memory = new();
    private readonly byte[] _table;
    private readonly byte[] _split;
    private readonly BytesColumn _tables, _splits, _codes, _reasons, _keys, _values, _headers;
    private readonly FixedColumn<long> _positions, _timestamps;

    public DeadLetterRows(string table, SplitId split)
    {
        _table = Encoding.UTF8.GetBytes(table);
        _split = Encoding.UTF8.GetBytes(split.ToString());
        _tables = Text();
        _splits = Text();
        _positions = new FixedColumn<long>(_memory, Int64Type.Default, 16);
        _codes = Text();
        _reasons = Text();
        _keys = new BytesColumn(_memory, BinaryType.Default, 16, 256);
        _values = new BytesColumn(_memory, BinaryType.Default, 16, 4096);
        _headers = Text();
        _timestamps = new FixedColumn<long>(_memory, BronzeColumns.Timestamp, 16);
    }

    public int Rows => _positions.Length;

    public long MemoryBytes => _memory.Bytes;

    public void Append(in KafkaRecord record, RecordRejected rejection)
    {
        _tables.Append(_table);
        _splits.Append(_split);
        _positions.Append(record.Offset);
        _codes.Append(Encoding.UTF8.GetBytes(rejection.Code));
        _reasons.Append(Encoding.UTF8.GetBytes(rejection.Reason));
        if (record.HasKey) _keys.Append(record.Key);
        else _keys.AppendNull();
        if (record.HasValue) _values.Append(record.Value);
        else _values.AppendNull();
        if (record.HeadersJson.Length > 0) _headers.Append(record.HeadersJson);
        else _headers.AppendNull();
        if (record.HasTimestamp) _timestamps.Append(record.TimestampMs * 1000);
        else _timestamps.AppendNull();
    }

    /// <summary>The rows, valid until this is disposed.</summary>
    public RecordBatch Build() => new(DeadLetterColumns.SourceSchema,
        [_tables.Build(), _splits.Build(), _positions.Build(), _codes.Build(), _reasons.Build(), _keys.Build(), _values.Build(), _headers.Build(), _timestamps.Build()], Rows);

    public void Dispose() => _memory.Dispose();

    private BytesColumn Text() => new(_memory, StringType.Default, 16, 256);
}
