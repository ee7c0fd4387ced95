using System.Buffers;
using System.Text.Json;

namespace Pipeline.Sources.Snowflake.Client;

/// <summary>
/// A window over a JSON stream for <see cref="Utf8JsonReader"/>: the reader works on what is there, says how far it came,
/// and asks for more. Memory is that of the largest piece that must be seen at once.
/// </summary>
internal sealed class JsonTokens(Stream stream) : IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(64 << 10);
    private JsonReaderState _state = new(new JsonReaderOptions { MaxDepth = 256 });
    private int _start;
    private int _end;
    private bool _isFinal;

    /// <summary>A reader at the place that was last accepted.</summary>
    public Utf8JsonReader Reader() => new(Window, _isFinal, _state);

    /// <summary>What the reader sees.</summary>
    public ReadOnlySpan<byte> Window => _buffer.AsSpan(_start, _end - _start);

    /// <summary>Everything up to where the reader is has been used.</summary>
    public void Accept(in Utf8JsonReader reader) => Accept(reader.BytesConsumed, reader.CurrentState);

    public void Accept(long bytes, JsonReaderState state)
    {
        _start += (int)bytes;
        _state = state;
    }

    /// <summary>
    /// Reads on. Of a piece that is larger than what was seen at least as much again comes before it is looked at anew: its cost is in
    /// proportion to its size, however little a read brings.
    /// </summary>
    /// <exception cref="JsonException">The stream has ended in the middle.</exception>
    public void Fill()
    {
        if (_isFinal) throw new JsonException("The answer ends in the middle.");
        var isSeenAgain = _start == 0;
        if (_start > 0)
        {
            Window.CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        var enough = isSeenAgain ? (long)_end * 2 : _end + 1;
        do ReadOn();
        while (_end < enough && !_isFinal);
    }

    private void ReadOn()
    {
        if (_end == _buffer.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(checked(_buffer.Length * 2));
            Window.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        var read = stream.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        _isFinal = read == 0;
    }

    /// <summary>Moves to the next token, wherever it is; for the few tokens around the rows.</summary>
    public JsonTokenType Next(out ReadOnlySpan<byte> value)
    {
        while (true)
        {
            var reader = Reader();
            if (reader.Read())
            {
                Accept(reader);
                value = reader.ValueSpan;
                return reader.TokenType;
            }

            Fill();
        }
    }

    /// <summary>The next value as a document; for small ones.</summary>
    public JsonDocument NextDocument()
    {
        while (true)
        {
            var reader = Reader();
            if (JsonDocument.TryParseValue(ref reader, out var document))
            {
                Accept(reader);
                return document;
            }

            Fill();
        }
    }

    /// <summary>Passes over the next value without holding it.</summary>
    public void SkipNext()
    {
        var depth = 0;
        do
        {
            var token = Next(out _);
            if (token is JsonTokenType.StartObject or JsonTokenType.StartArray) depth++;
            else if (token is JsonTokenType.EndObject or JsonTokenType.EndArray) depth--;
        }
        while (depth > 0);
    }

    /// <summary>Reads to the end of the stream, where nothing may stand any more.</summary>
    /// <exception cref="JsonException">Something does.</exception>
    public void RequireEnd()
    {
        while (true)
        {
            var reader = Reader();
            if (reader.Read()) throw new JsonException("Something stands behind the answer.");
            Accept(reader);
            if (_isFinal) return;
            Fill();
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        stream.Dispose();
    }
}
