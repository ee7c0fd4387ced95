using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Core.Columns;
using Pipeline.Sources.Kafka.Catalog;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>The columns of one chunk while it is filled.</summary>
internal sealed class RecordColumns : IDisposable
{
    // Fixed-width columns, offsets and the operation, for each row.
    private const int RowOverheadBytes = 40;

    private readonly ColumnMemory _memory = new();
    private readonly Schema _schema;
    private readonly int _partition;
    private readonly FixedColumn<long> _offsets;
    private readonly FixedColumn<long> _timestamps;
    private readonly BytesColumn _keys;
    private readonly BytesColumn _headers;
    private readonly BytesColumn _values;
    private readonly FixedColumn<int>? _schemaIds;

    private readonly KafkaEnvelope _envelope;

    // Rows that delete, in order; made for the first.
    private List<int>? _deletes;

    // Made for the first row whose time goes back.
    private FixedColumn<long>? _orderTimes;

    /// <param name="rows">How many rows to expect; columns grow when there are more.</param>
    /// <param name="valueBytes">How many bytes of values to expect.</param>
    public RecordColumns(Schema schema, KafkaEnvelope envelope, int partition, int rows, int valueBytes, int keyBytes)
    {
        _envelope = envelope;
        _schema = schema;
        _partition = partition;
        _offsets = new FixedColumn<long>(_memory, Int64Type.Default, rows);
        _timestamps = new FixedColumn<long>(_memory, BronzeColumns.Timestamp, rows);
        _keys = new BytesColumn(_memory, StringType.Default, rows, keyBytes);
        _headers = new BytesColumn(_memory, StringType.Default, rows, bytesCapacity: 64);
        _values = new BytesColumn(_memory, schema.GetFieldByName("value").DataType, rows, valueBytes);
        if (schema.GetFieldIndex(KafkaSchemas.SchemaId) >= 0) _schemaIds = new FixedColumn<int>(_memory, Int32Type.Default, rows);
    }

    public int Rows => _offsets.Length;

    public int ValueBytes => _values.ValueBytes;

    public int KeyBytes => _keys.ValueBytes;

    /// <summary>Bytes of content.</summary>
    public long ContentBytes => (long)_values.ValueBytes + _keys.ValueBytes + _headers.ValueBytes + (long)Rows * RowOverheadBytes;

    /// <summary>Bytes of memory held.</summary>
    public long MemoryBytes => _memory.Bytes;

    /// <summary>Adds a record whose key is text.</summary>
    /// <param name="value">Its value as the column holds it; ignored for a tombstone.</param>
    /// <param name="schemaId">Null where values have none.</param>
    /// <param name="orderTime">In microseconds; null: its own.</param>
    public void Append(in KafkaRecord record, ReadOnlySpan<byte> value, int? schemaId, long? orderTime = null)
    {
        if (orderTime is not null || _orderTimes is not null) AppendOrderTime(orderTime);
        if (_envelope == KafkaEnvelope.Tombstone && record is { HasValue: false, HasKey: true }) (_deletes ??= []).Add(Rows);
        _offsets.Append(record.Offset);
        if (record.HasTimestamp) _timestamps.Append(record.TimestampMs * 1000);
        else _timestamps.AppendNull();
        if (record.HasKey) _keys.Append(record.Key);
        else _keys.AppendNull();
        if (record.HeadersJson.Length > 0) _headers.Append(record.HeadersJson);
        else _headers.AppendNull();
        if (record.HasValue) _values.Append(value);
        else _values.AppendNull();
        if (_schemaIds is null) return;
        if (schemaId is { } id) _schemaIds.Append(id);
        else _schemaIds.AppendNull();
    }

    /// <summary>The rows, valid until this is disposed.</summary>
    public RecordBatch Build()
    {
        var partitions = new FixedColumn<int>(_memory, Int32Type.Default, Rows);
        var operations = new BytesColumn(_memory, StringType.Default, Rows, Rows + 1);
        partitions.Append(_partition, Rows);
        var written = 0;
        foreach (var row in _deletes ?? [])
        {
            operations.Append("c"u8, row - written);
            operations.Append("d"u8);
            written = row + 1;
        }

        operations.Append("c"u8, Rows - written);

        if (_orderTimes is not null) return new RecordBatch(WithOrderTime(), [.. Arrays(partitions, operations), _orderTimes.Build()], Rows);
        return new RecordBatch(_schema, Arrays(partitions, operations), Rows);
    }

    public void Dispose() => _memory.Dispose();

    private IEnumerable<IArrowArray> Arrays(FixedColumn<int> partitions, BytesColumn operations)
    {
        // A record's position is its offset: both columns share the memory.
        IArrowArray[] schemaIds = _schemaIds is null ? [] : [_schemaIds.Build()];
        return [partitions.Build(), _offsets.Build(), _timestamps.Build(), _keys.Build(), _headers.Build(), _values.Build(), .. schemaIds, operations.Build(), _offsets.Build()];
    }

    private void AppendOrderTime(long? orderTime)
    {
        if (_orderTimes is null)
        {
            _orderTimes = new FixedColumn<long>(_memory, BronzeColumns.Timestamp, Rows + 64);
            for (var before = 0; before < Rows; before++) _orderTimes.AppendNull();
        }

        if (orderTime is { } time) _orderTimes.Append(time);
        else _orderTimes.AppendNull();
    }

    private Schema WithOrderTime() => KafkaSchemas.WithOrderTime(_schema);
}
