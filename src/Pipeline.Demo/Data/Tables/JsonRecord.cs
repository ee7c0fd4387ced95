using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Pipeline.Demo.Data.Tables;

/// <summary>Writes the JSON values of Kafka records, and spoils some. Not thread-safe.</summary>
internal sealed class JsonRecord
{
    private readonly ArrayBufferWriter<byte> _buffer = new(512);
    private readonly Utf8JsonWriter _json;

    public JsonRecord() => _json = new Utf8JsonWriter(_buffer, new JsonWriterOptions { SkipValidation = true });

    /// <summary>The bytes of one object whose members <paramref name="members"/> writes.</summary>
    public byte[] Write<TState>(TState state, Action<Utf8JsonWriter, TState> members)
    {
        _buffer.ResetWrittenCount();
        _json.Reset();
        _json.WriteStartObject();
        members(_json, state);
        _json.WriteEndObject();
        _json.Flush();
        return _buffer.WrittenSpan.ToArray();
    }

    /// <summary>ISO 8601 in UTC, with milliseconds.</summary>
    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>Valid text, but no JSON: the end is missing, as when a client cut it off.</summary>
    public static byte[] CutOff(byte[] value) => value[..^12];

    /// <summary>0xFF is in no UTF-8 text.</summary>
    public static byte[] InvalidUtf8(byte[] value)
    {
        value[value.Length / 2] = 0xFF;
        return value;
    }
}
