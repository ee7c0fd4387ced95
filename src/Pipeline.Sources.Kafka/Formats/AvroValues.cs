using System.Buffers.Binary;

namespace Pipeline.Sources.Kafka.Formats;

/// <summary>
/// Values in Confluent's wire format: a zero byte, the schema's id (four bytes, most significant first), then Avro's binary
/// encoding. They become JSON text and the id. For one reading thread.
/// </summary>
internal sealed class AvroValues(SchemaRegistry registry, long recordBytesMax, CancellationToken stopping) : IDisposable
{
    private const int HeaderBytes = 5;

    // JSON repeats the fields' names in every record; sixteen times the record is more than honest data needs.
    private readonly AvroToJson _json = new((int)Math.Min(recordBytesMax * 16, 256 << 20));

    /// <summary>The value as JSON, valid until the next call; or false with a code and a reason, which are empty otherwise.</summary>
    /// <exception cref="Core.PipelineException">The registry does not answer: reading has to stop here and be tried again.</exception>
    public bool TryDecode(ReadOnlySpan<byte> value, out ReadOnlySpan<byte> json, out int schemaId, out string code, out string reason)
    {
        json = default;
        schemaId = 0;
        (code, reason) = ("invalid_wire_format", "the value does not begin with a zero byte and the id of a schema");
        if (value.Length < HeaderBytes || value[0] != 0) return false;

        schemaId = BinaryPrimitives.ReadInt32BigEndian(value[1..]);
        code = "unknown_schema";
        if (registry.Find(schemaId, out reason, stopping) is not { } schema) return false;

        try
        {
            json = _json.Write(schema, value[HeaderBytes..]);
            code = reason = "";
            return true;
        }
        catch (FormatException e)
        {
            (code, reason) = ("invalid_avro", $"not a value of schema {schemaId}: {e.Message.TrimEnd('.')}");
            return false;
        }
    }

    public void Dispose() => _json.Dispose();
}
