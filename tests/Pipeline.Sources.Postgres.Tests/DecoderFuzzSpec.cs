using System.Buffers.Binary;
using System.Text;
using Pipeline.Core;
using Pipeline.Core.Columns;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Decoding;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>Rows of COPY and messages of pgoutput that were changed by chance: rows or one error, never another, never a loop.</summary>
public sealed class DecoderFuzzSpec
{
    private static readonly PostgresColumn[] Columns =
    [
        Column("flag", TypeOids.Bool), Column("small", TypeOids.Int2), Column("number", TypeOids.Int4), Column("big", TypeOids.Int8), Column("ratio", TypeOids.Float8), Column("day", TypeOids.Date),
        Column("at", TypeOids.TimestampTz), Column("raw", TypeOids.Bytea), Column("note", TypeOids.Text), Column("doc", TypeOids.Jsonb), Column("id", TypeOids.Uuid), Column("amount", TypeOids.Numeric),
        Column("price", TypeOids.Numeric, modifier: (20 << 16 | 4) + 4), Column("tags", 1_000_000, category: 'A', element: TypeOids.Text), Column("sizes", 1_000_001, category: 'A', element: TypeOids.Int4),
    ];

    private static readonly string[] Texts =
    [
        "t", "-5", "2147483647", "-9223372036854775808", "1.5", "2026-03-01", "2026-03-01 12:00:00.123456+00", "\\x01ff", "süß", "{\"a\": 1}", "0f8fad5b-d9cb-469f-a165-70867728950e", "12345678901234567890.123", "-12.5000",
        """{a,"b \"c\\",NULL}""", "[0:2]={1,NULL,{3}}",
    ];

    private static PostgresTable Table => new(1, "public.t", "", Columns, ["number"]);

    [Theory]
    [InlineData("2026-13-45")]
    [InlineData("2026-02-29")]
    [InlineData("0000-01-01")]
    [InlineData("99x9-01-01")]
    [InlineData("2026-03-01 99:99:99")]
    [InlineData("infinity")]
    public void A_moment_that_the_calendar_does_not_have_is_null(string text)
    {
        Assert.False(IsoText.TryDate(Encoding.UTF8.GetBytes(text), out _));
        Assert.False(IsoText.TryTimestamp(Encoding.UTF8.GetBytes(text), out _));
    }

    [Theory]
    [InlineData("{a")]
    [InlineData("{\"a")]
    [InlineData("{a}}")]
    [InlineData("{\"\\")]
    [InlineData("a,b")]
    [InlineData("[0:1]=")]
    public void An_array_that_does_not_end_is_refused(string text)
    {
        using var memory = new ColumnMemory();
        var decoder = new ArrayDecoder(memory, TypeOids.Text, rows: 16, bytes: 16);

        Assert.Equal(FaultKind.Damaged, Assert.Throws<PipelineException>(() => decoder.AppendText(Encoding.UTF8.GetBytes(text))).Kind);
    }

    [Fact]
    public void Text_of_a_database_that_checks_no_encoding_stays_readable()
    {
        using var memory = new ColumnMemory();
        var decoder = new TextDecoder(memory, rows: 16, bytes: 16);

        decoder.Append([(byte)'a', 0xFC, (byte)'b']);

        Assert.Equal("a\uFFFDb", ((Apache.Arrow.StringArray)decoder.Column.Build()).GetString(0));
    }

    [Fact]
    public Task Rows_of_COPY() => new Fuzz([Row()]).RunAsync(input =>
    {
        using var rows = new RowChunkBuilder(Table);
        rows.Append(input, position: 1);
        using var chunk = rows.Build(new SplitId("s", "t"), "t", new PositionRange(0, 1), newestEventAt: null);
    }, IsOfData);

    [Fact]
    public Task Messages_of_pgoutput() => new Fuzz([.. Changes()]).RunAsync(input =>
    {
        using var table = new CapturedTable("t", Table, [.. Enumerable.Range(0, Columns.Length)], [.. Columns.Select(column => column.Name == "number")]);
        var stream = new ChangeDecoder();
        stream.Use(1, table);
        if (input.Length == 0) return;
        if (input[0] != (byte)'B') stream.Take((byte)'B', new byte[20]);
        if (input[0] == (byte)'R') RelationMessage.Parse(input.AsSpan(1));
        else stream.Take(input[0], input.AsSpan(1));
        using var chunk = table.Build(new SplitId("s", "t"), new PositionRange(0, 1), DateTimeOffset.UnixEpoch);
    }, IsOfData);

    [Fact]
    public Task Values_as_text() => new Fuzz(Texts).RunAsync(input =>
    {
        foreach (var type in Columns.Select(ColumnType.Of))
        {
            using var memory = new ColumnMemory();
            try
            {
                var decoder = type.CreateDecoder(memory, 16, 16);
                decoder.AppendText(input);
                decoder.Column.Build().Dispose();
            }
            catch (PipelineException e) when (IsOfData(e))
            {
                // This type does not have it.
            }
        }
    }, IsOfData);

    private static bool IsOfData(Exception e) => e is PipelineException { Kind: FaultKind.Damaged };

    private static PostgresColumn Column(string name, uint type, int modifier = -1, char category = 'X', uint element = 0) => new(1, name, type, name, 'b', category, element, modifier, IsNotNull: false);

    /// <summary>Each field with its length before it.</summary>
    private static byte[] Row() =>
    [
        .. Field([1]), .. Field([0, 5]), .. Field([0, 0, 0, 7]), .. Field([0, 0, 0, 0, 0, 0, 0, 9]), .. Field([0x3F, 0xF8, 0, 0, 0, 0, 0, 0]), .. Field([0, 0, 0x25, 0x42]), .. Field([0, 2, 0xEF, 0, 0, 0, 0, 0]),
        .. Field([1, 255]), .. Field("süß"u8), .. Field([1, .. "{}"u8]), .. Field(new byte[16]), .. Field([0, 2, 0, 1, 0x40, 0, 0, 4, 0, 12, 0x0D, 0x80]), .. Field([0, 1, 0, 0, 0, 0, 0, 4, 0, 12]),
        .. Field("{a,\"b c\"}"u8), .. new byte[] { 0xFF, 0xFF, 0xFF, 0xFF },
    ];

    private static IEnumerable<byte[]> Changes()
    {
        byte[] relation = [0, 0, 0, 1];
        byte[] row = [0, (byte)Columns.Length, .. Texts.SelectMany((text, i) => i == 3 ? [(byte)'n'] : i == 4 ? [(byte)'u'] : (byte[])[(byte)'t', .. Field(Encoding.UTF8.GetBytes(text))])];
        yield return [(byte)'B', .. new byte[20]];
        yield return [(byte)'C', .. new byte[25]];
        yield return [(byte)'I', .. relation, (byte)'N', .. row];
        yield return [(byte)'U', .. relation, (byte)'O', .. row, (byte)'N', .. row];
        yield return [(byte)'D', .. relation, (byte)'K', .. row];
        yield return [(byte)'T', 0, 0, 0, 1, 0, .. relation];
        yield return [(byte)'R', .. relation, .. "public\0t\0"u8, (byte)'d', 0, 1, 1, .. "number\0"u8, 0, 0, 0, 23, 0xFF, 0xFF, 0xFF, 0xFF];
    }

    private static byte[] Field(ReadOnlySpan<byte> value)
    {
        var length = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(length, value.Length);
        return [.. length, .. value];
    }
}
