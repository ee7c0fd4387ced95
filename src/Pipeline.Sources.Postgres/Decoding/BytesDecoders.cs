using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Core.Columns;

namespace Pipeline.Sources.Postgres.Decoding;

/// <summary>Text in UTF-8, checked by the server, and <c>bytea</c>: the bytes as they come.</summary>
internal sealed class BytesDecoder(ColumnMemory memory, IArrowType type, int rows, int bytes) : FieldDecoder
{
    private readonly BytesColumn _column = new(memory, type, rows, bytes);

    public override ColumnBuilder Column => _column;

    public override void Append(ReadOnlySpan<byte> value) => _column.Append(value);
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
}
