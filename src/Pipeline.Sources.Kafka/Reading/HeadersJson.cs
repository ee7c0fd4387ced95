using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// Writes a record's headers as one JSON object, <c>{"name":"value"}</c>. A name that occurs several times gets an array;
/// a value that is not UTF-8 becomes <c>{"base64":"..."}</c>. One record at a time.
/// </summary>
internal sealed class HeadersJson : IDisposable
{
    private readonly ArrayBufferWriter<byte> _buffer = new(256);
    private readonly Utf8JsonWriter _writer;
    private readonly List<(string Name, byte[]? Value)> _headers = [];

    public HeadersJson() => _writer = new Utf8JsonWriter(_buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    public void Add(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, bool isNull) => _headers.Add((NameOf(name), isNull ? null : value.ToArray()));

    /// <summary>What was added since the last call; valid until the next.</summary>
    public ReadOnlySpan<byte> Write()
    {
        _buffer.ResetWrittenCount();
        if (_headers.Count == 0) return default;

        _writer.Reset();
        _writer.WriteStartObject();
        // In the order of their first values; one pass, however many a record has.
        foreach (var named in _headers.GroupBy(header => header.Name, header => header.Value, StringComparer.Ordinal))
        {
            _writer.WritePropertyName(named.Key);
            var isRepeated = named.Skip(1).Any();
            if (isRepeated) _writer.WriteStartArray();
            foreach (var value in named) WriteValue(value);
            if (isRepeated) _writer.WriteEndArray();
        }

        _writer.WriteEndObject();
        _writer.Flush();
        _headers.Clear();
        return _buffer.WrittenSpan;
    }

    public void Dispose() => _writer.Dispose();

    private void WriteValue(byte[]? value)
    {
        if (value is null)
        {
            _writer.WriteNullValue();
        }
        else if (Utf8.IsValid(value))
        {
            _writer.WriteStringValue(value);
        }
        else
        {
            _writer.WriteStartObject();
            _writer.WriteBase64String("base64"u8, value);
            _writer.WriteEndObject();
        }
    }

    /// <summary>The protocol says that names are UTF-8; what is not is replaced, since a name must be one.</summary>
    private static string NameOf(ReadOnlySpan<byte> name) => System.Text.Encoding.UTF8.GetString(name);
}
