using System.Text;
using System.Text.Unicode;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Core.Columns;

namespace Pipeline.Sources.Postgres.Decoding;

/// <summary>
/// Text in UTF-8 as it comes. A database of encoding SQL_ASCII checks nothing: what is no UTF-8 there becomes U+FFFD, since
/// no reader of a lake's file could read the others otherwise.
/// </summary>
internal sealed class TextDecoder(ColumnMemory memory, int rows, int bytes) : FieldDecoder
{
    private readonly BytesColumn _column = new(memory, StringType.Default, rows, bytes);

    public override ColumnBuilder Column => _column;

    public override void Append(ReadOnlySpan<byte> value) => _column.Append(Utf8.IsValid(value) ? value : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(value)));

    public override void AppendText(ReadOnlySpan<byte> text) => Append(text);
}

/// <summary><c>bytea</c>; as text <c>\x</c> and hexadecimal digits.</summary>
internal sealed class BinaryDecoder(ColumnMemory memory, int rows, int bytes) : FieldDecoder
{
    private readonly BytesColumn _column = new(memory, BinaryType.Default, rows, bytes);

    public override ColumnBuilder Column => _column;

    public override void Append(ReadOnlySpan<byte> value) => _column.Append(value);

    public override void AppendText(ReadOnlySpan<byte> text)
    {
        if (!text.StartsWith("\\x"u8) || Convert.FromHexString(text[2..], _column.Reserve(text.Length / 2), out _, out var written) != System.Buffers.OperationStatus.Done)
            throw Malformed("bytea", text);
        _column.Commit(written);
    }
}

/// <summary><c>jsonb</c>: a version byte, then the text.</summary>
internal sealed class JsonbDecoder(ColumnMemory memory, int rows, int bytes) : FieldDecoder
{
    private const byte Version = 1;

    private readonly BytesColumn _column = new(memory, StringType.Default, rows, bytes);

    public override ColumnBuilder Column => _column;

    public override void Append(ReadOnlySpan<byte> value)
    {
        if (value is not [Version, .. var text])
            throw new PipelineException(FaultKind.Damaged, "PostgreSQL", "a jsonb value has an unknown version", "Report the server's version.");
        _column.Append(text);
    }

    public override void AppendText(ReadOnlySpan<byte> text) => _column.Append(text);
}

/// <summary><c>uuid</c>: sixteen bytes, as 36 lower-case characters.</summary>
internal sealed class UuidDecoder(ColumnMemory memory, int rows, int bytes) : FieldDecoder
{
    private const int TextBytes = 36;

    private readonly BytesColumn _column = new(memory, StringType.Default, rows, bytes);

    public override ColumnBuilder Column => _column;

    public override void Append(ReadOnlySpan<byte> value)
    {
        RequireLength(value, 16);
        new Guid(value, bigEndian: true).TryFormat(_column.Reserve(TextBytes), out var written);
        _column.Commit(written);
    }

    public override void AppendText(ReadOnlySpan<byte> text) => _column.Append(text);
}
