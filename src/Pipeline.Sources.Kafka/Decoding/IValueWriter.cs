namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>Writes values of one encoding as JSON text, one at a time.</summary>
internal interface IValueWriter<in TSchema> : IDisposable
{
    /// <summary>The JSON of one value; valid until the next call.</summary>
    /// <exception cref="FormatException">The bytes are not a value of this schema, or the JSON would be too long.</exception>
    ReadOnlySpan<byte> Write(TSchema schema, ReadOnlySpan<byte> value);
}
