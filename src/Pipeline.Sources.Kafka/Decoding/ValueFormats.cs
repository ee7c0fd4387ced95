namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>The decoders of one reading, one for each table that needs one. For its reading thread.</summary>
internal sealed class ValueFormats(SourceSchemas? schemas, CancellationToken stopping) : IDisposable
{
    private readonly Dictionary<string, RegisteredValues> _values = new(StringComparer.Ordinal);

    /// <summary>Null for a table whose values are taken as they are.</summary>
    public RegisteredValues? Of(KafkaTableOptions table)
    {
        if (!table.HasSchemas) return null;
        if (!_values.TryGetValue(table.Name, out var values)) _values[table.Name] = values = Open(table);
        return values;
    }

    public void Dispose()
    {
        foreach (var values in _values.Values) values.Dispose();
    }

    private RegisteredValues Open(KafkaTableOptions table)
    {
        // JSON repeats the fields' names in every record; sixteen times the record is more than honest data needs.
        var bytesMax = (int)Math.Min(table.RecordBytesMax * 16, 256 << 20);
        return table.Format == KafkaFormat.Avro
            ? new RegisteredValues<AvroType>(schemas!.Avro, new AvroToJson(bytesMax), "invalid_avro", stopping)
            : new RegisteredValues<ProtobufFile>(schemas!.Protobuf, new ProtobufToJson(bytesMax), "invalid_protobuf", stopping);
    }
}
