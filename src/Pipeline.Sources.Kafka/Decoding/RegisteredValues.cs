using System.Buffers.Binary;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>
/// Values in Confluent's wire format: a zero byte, the schema's id (four bytes, most significant first), then the encoded
/// value. They become JSON text and the id. For one reading thread.
/// </summary>
internal abstract class RegisteredValues : IDisposable
{
    private const int HeaderBytes = 5;

    /// <summary>What is behind the header of a value in Confluent's wire format; false with a code and a reason, which are empty otherwise.</summary>
    public static bool TryUnwrap(ReadOnlySpan<byte> value, out ReadOnlySpan<byte> encoded, out int schemaId, out string code, out string reason)
    {
        encoded = default;
        schemaId = 0;
        (code, reason) = ("invalid_wire_format", "the value does not begin with a zero byte and the id of a schema");
        if (value.Length < HeaderBytes || value[0] != 0) return false;

        schemaId = BinaryPrimitives.ReadInt32BigEndian(value[1..]);
        encoded = value[HeaderBytes..];
        code = reason = "";
        return true;
    }

    /// <summary>The value as JSON, valid until the next call; or false with a code and a reason, which are empty otherwise.</summary>
    /// <exception cref="Core.PipelineException">The registry does not answer: reading has to stop here and be tried again.</exception>
    public bool TryDecode(ReadOnlySpan<byte> value, out ReadOnlySpan<byte> json, out int schemaId, out string code, out string reason)
    {
        json = default;
        return TryUnwrap(value, out var encoded, out schemaId, out code, out reason) && TryDecode(schemaId, encoded, out json, out code, out reason);
    }

    public abstract void Dispose();

    protected abstract bool TryDecode(int schemaId, ReadOnlySpan<byte> encoded, out ReadOnlySpan<byte> json, out string code, out string reason);
}

/// <param name="invalidCode">The dead letter's code for bytes that are no value of their schema.</param>
internal sealed class RegisteredValues<TSchema>(RegisteredSchemas<TSchema> schemas, IValueWriter<TSchema> writer, string invalidCode, CancellationToken stopping) : RegisteredValues
    where TSchema : class
{
    public override void Dispose() => writer.Dispose();

    protected override bool TryDecode(int schemaId, ReadOnlySpan<byte> encoded, out ReadOnlySpan<byte> json, out string code, out string reason)
    {
        json = default;
        code = "unknown_schema";
        if (schemas.Find(schemaId, out reason, stopping) is not { } schema) return false;

        try
        {
            json = writer.Write(schema, encoded);
            code = reason = "";
            return true;
        }
        catch (FormatException e)
        {
            (code, reason) = (invalidCode, $"not a value of schema {schemaId}: {e.Message.TrimEnd('.')}");
            return false;
        }
    }
}
