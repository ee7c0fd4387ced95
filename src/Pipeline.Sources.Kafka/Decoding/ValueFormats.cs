namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>The decoders of one reading, those of each table that needs some. For its reading thread.</summary>
internal sealed class ValueFormats(SourceSchemas? schemas, CancellationToken stopping) : IDisposable
{
    private readonly Dictionary<string, TableDecoders> _tables = new(StringComparer.Ordinal);

    public TableDecoders Of(KafkaTableOptions table)
    {
        if (!_tables.TryGetValue(table.Name, out var decoders))
            _tables[table.Name] = decoders = new TableDecoders(Open(table.Format, table.RecordBytesMax), Open(table.KeyFormat switch
            {
                KafkaKeyFormat.Avro => KafkaFormat.Avro,
                KafkaKeyFormat.Protobuf => KafkaFormat.Protobuf,
                _ => KafkaFormat.Bytes,
            }, table.RecordBytesMax));
        return decoders;
    }

    public void Dispose()
    {
        foreach (var (values, keys) in _tables.Values)
        {
            values?.Dispose();
            keys?.Dispose();
        }
    }

    private RegisteredValues? Open(KafkaFormat format, long recordBytesMax)
    {
        // JSON repeats the fields' names in every record; sixteen times the record is more than honest data needs.
        var bytesMax = (int)Math.Min(recordBytesMax * 16, 256 << 20);
        return format switch
        {
            KafkaFormat.Avro => new RegisteredValues<AvroType>(schemas!.Avro, new AvroToJson(bytesMax), "invalid_avro", stopping),
            KafkaFormat.Protobuf => new RegisteredValues<ProtobufFile>(schemas!.Protobuf, new ProtobufToJson(bytesMax), "invalid_protobuf", stopping),
            _ => null,
        };
    }
}
