using Apache.Arrow.Types;
using Pipeline.Core.Columns;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres.Decoding;

/// <summary>
/// An array in the server's text form, <c>{1,NULL,"a b"}</c> with any number of dimensions, as a JSON array. Numbers and
/// booleans become JSON's; everything else, and what JSON has no number for, becomes a string.
/// </summary>
internal sealed class ArrayDecoder(ColumnMemory memory, uint elementOid, int rows, int bytes) : FieldDecoder
{
    /// <summary>A control character becomes six: <c>\u0000</c>.</summary>
    private const int GrowthMax = 6;

    private readonly BytesColumn _column = new(memory, StringType.Default, rows, bytes);
    private readonly bool _isNumber = elementOid is TypeOids.Int2 or TypeOids.Int4 or TypeOids.Int8 or TypeOids.Oid or TypeOids.Float4 or TypeOids.Float8 or TypeOids.Numeric;
    private readonly bool _isBoolean = elementOid is TypeOids.Bool;

    public override ColumnBuilder Column => _column;

    /// <summary>The server is asked for text in its binary form too.</summary>
    public override void Append(ReadOnlySpan<byte> value) => AppendText(value);

    public override void AppendText(ReadOnlySpan<byte> text)
    {
        // Bounds other than from one stand before the value: [0:2]={1,2,3}.
        if (text is [(byte)'[', ..]) text = text[(text.IndexOf((byte)'=') + 1)..];
        if (text is not [(byte)'{', ..]) throw Malformed("array", text);

        var json = _column.Reserve(checked(text.Length * GrowthMax + 2));
        var (written, depth) = (0, 0);
        for (var at = 0; at < text.Length;)
        {
            switch (text[at])
            {
                case (byte)'{' or (byte)'}' or (byte)',':
                    depth += text[at] switch { (byte)'{' => 1, (byte)'}' => -1, _ => 0 };
                    if (depth < 0) throw Malformed("array", text);
                    json[written++] = text[at] switch { (byte)'{' => (byte)'[', (byte)'}' => (byte)']', _ => (byte)',' };
                    at++;
                    break;
                case (byte)'"':
                    at = WriteQuoted(text, at + 1, json, ref written);
                    break;
                default:
                    var rest = text[at..];
                    var length = rest.IndexOfAny((byte)',', (byte)'}');
                    if (length < 0) throw Malformed("array", text);
                    WriteBare(rest[..length], json, ref written);
                    at += length;
                    break;
            }
        }

        if (depth != 0) throw Malformed("array", text);
        _column.Commit(written);
    }

    private void WriteBare(ReadOnlySpan<byte> element, Span<byte> json, ref int written)
    {
        if (element.SequenceEqual("NULL"u8)) Write("null"u8, json, ref written);
        else if (_isBoolean) Write(element[0] == (byte)'t' ? "true"u8 : "false"u8, json, ref written);
        else if (_isNumber && element[^1] is >= (byte)'0' and <= (byte)'9') Write(element, json, ref written);
        else
        {
            json[written++] = (byte)'"';
            foreach (var character in element) WriteCharacter(character, json, ref written);
            json[written++] = (byte)'"';
        }
    }

    private static int WriteQuoted(ReadOnlySpan<byte> text, int at, Span<byte> json, ref int written)
    {
        json[written++] = (byte)'"';
        for (; at < text.Length && text[at] != (byte)'"'; at++)
        {
            if (text[at] == (byte)'\\') at++;
            if (at == text.Length) break;
            WriteCharacter(text[at], json, ref written);
        }

        if (at >= text.Length) throw Malformed("array", text);
        json[written++] = (byte)'"';
        return at + 1;
    }

    private static void WriteCharacter(byte character, Span<byte> json, ref int written)
    {
        if (character is (byte)'"' or (byte)'\\')
        {
            json[written++] = (byte)'\\';
            json[written++] = character;
        }
        else if (character < 0x20)
        {
            Write("\\u00"u8, json, ref written);
            json[written++] = (byte)('0' + (character >> 4));
            json[written++] = "0123456789abcdef"u8[character & 0xF];
        }
        else
        {
            json[written++] = character;
        }
    }

    private static void Write(ReadOnlySpan<byte> text, Span<byte> json, ref int written)
    {
        text.CopyTo(json[written..]);
        written += text.Length;
    }
}
