namespace Pipeline.Sources.Kafka.Formats;

/// <summary>The decoders of one reading, one for each table that needs one. For its reading thread.</summary>
internal sealed class ValueFormats(SchemaRegistry? registry, CancellationToken stopping) : IDisposable
{
    private readonly Dictionary<string, AvroValues> _avro = new(StringComparer.Ordinal);

    /// <summary>Null for a table whose values are taken as they are.</summary>
    public AvroValues? Avro(KafkaTableOptions table)
    {
        if (table.Format != KafkaFormat.Avro) return null;
        if (!_avro.TryGetValue(table.Name, out var values)) _avro[table.Name] = values = new AvroValues(registry!, table.RecordBytesMax, stopping);
        return values;
    }

    public void Dispose()
    {
        foreach (var values in _avro.Values) values.Dispose();
    }
}
