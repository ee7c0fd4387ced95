using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Core.Columns;
using Pipeline.Sources.Kafka.Catalog;
using Pipeline.Sources.Kafka.Decoding;

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

    private readonly BytesColumn? _befores;
    private readonly BytesColumn? _changed;

    // Made for the first row that is not created.
    private BytesColumn? _operations;

    // Made for the first row whose time goes back.
    private FixedColumn<long>? _orderTimes;

    /// <param name="rows">How many rows to expect; columns grow when there are more.</param>
    /// <param name="valueBytes">How many bytes of values to expect.</param>
    public RecordColumns(Schema schema, int partition, int rows, int valueBytes, int keyBytes)
    {
        _schema = schema;
        _partition = partition;
        _offsets = new FixedColumn<long>(_memory, Int64Type.Default, rows);
        _timestamps = new FixedColumn<long>(_memory, BronzeColumns.Timestamp, rows);
        _keys = new BytesColumn(_memory, StringType.Default, rows, keyBytes);
        _headers = new BytesColumn(_memory, StringType.Default, rows, bytesCapacity: 64);
        _values = new BytesColumn(_memory, schema.GetFieldByName("value").DataType, rows, valueBytes);
        if (schema.GetFieldIndex(KafkaSchemas.SchemaId) >= 0) _schemaIds = new FixedColumn<int>(_memory, Int32Type.Default, rows);
        if (schema.GetFieldIndex(KafkaSchemas.Before) < 0) return;
        _befores = new BytesColumn(_memory, StringType.Default, rows, bytesCapacity: 64);
        _changed = new BytesColumn(_memory, StringType.Default, rows, bytesCapacity: 64);
    }

    public int Rows => _offsets.Length;

    public int ValueBytes => _values.ValueBytes;

    public int KeyBytes => _keys.ValueBytes;

    /// <summary>Bytes of content.</summary>
    public long ContentBytes => (long)_values.ValueBytes + _keys.ValueBytes + _headers.ValueBytes + (_befores?.ValueBytes ?? 0) + (long)Rows * RowOverheadBytes;

    /// <summary>Bytes of memory held.</summary>
    public long MemoryBytes => _memory.Bytes;

    /// <summary>Adds a record.</summary>
    /// <param name="row">What it is as a row.</param>
    /// <param name="orderTime">In microseconds; null: its own.</param>
    public void Append(in KafkaRecord record, in DecodedRecord row, long? orderTime = null)
    {
        if (orderTime is not null || _orderTimes is not null) AppendOrderTime(orderTime);
        if (row.Operation != (byte)'c' || _operations is not null) AppendOperation(row.Operation);
        _offsets.Append(record.Offset);
        if (record.HasTimestamp) _timestamps.Append(record.TimestampMs * 1000);
        else _timestamps.AppendNull();
        Append(_keys, row.Key);
        if (record.HeadersJson.Length > 0) _headers.Append(record.HeadersJson);
        else _headers.AppendNull();
        Append(_values, row.Value);
        if (_befores is not null)
        {
            Append(_befores, row.Before);
            Append(_changed!, row.Changed);
        }

        if (_schemaIds is null) return;
        if (row.SchemaId is { } id) _schemaIds.Append(id);
        else _schemaIds.AppendNull();
    }

    /// <summary>The rows, valid until this is disposed.</summary>
    public RecordBatch Build()
    {
        var partitions = new FixedColumn<int>(_memory, Int32Type.Default, Rows);
        partitions.Append(_partition, Rows);
        var operations = _operations;
        if (operations is null)
        {
            operations = new BytesColumn(_memory, StringType.Default, Rows, Rows + 1);
            operations.Append("c"u8, Rows);
        }

        if (_orderTimes is not null) return new RecordBatch(WithOrderTime(), [.. Arrays(partitions, operations), _orderTimes.Build()], Rows);
        return new RecordBatch(_schema, Arrays(partitions, operations), Rows);
    }

    public void Dispose() => _memory.Dispose();

    private IEnumerable<IArrowArray> Arrays(FixedColumn<int> partitions, BytesColumn operations)
    {
        // A record's position is its offset: both columns share the memory.
        IArrowArray[] envelope = _befores is null ? [] : [_befores.Build(), _changed!.Build()];
        IArrowArray[] schemaIds = _schemaIds is null ? [] : [_schemaIds.Build()];
        return [partitions.Build(), _offsets.Build(), _timestamps.Build(), _keys.Build(), _headers.Build(), _values.Build(), .. envelope, .. schemaIds, operations.Build(), _offsets.Build()];
    }

    private static void Append(BytesColumn column, OptionalBytes value)
    {
        if (value.IsThere) column.Append(value.Bytes);
        else column.AppendNull();
    }

    private void AppendOperation(byte operation)
    {
        if (_operations is null)
        {
            _operations = new BytesColumn(_memory, StringType.Default, Rows + 64, Rows + 64);
            if (Rows > 0) _operations.Append("c"u8, Rows);
        }

        _operations.Append([operation]);
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
