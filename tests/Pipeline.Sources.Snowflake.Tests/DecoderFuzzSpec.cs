using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Catalog;
using Pipeline.Sources.Snowflake.Client;
using Pipeline.Sources.Snowflake.Decoding;
using Pipeline.Testing;

namespace Pipeline.Sources.Snowflake.Tests;

/// <summary>Answers that were changed by chance: rows, dead letters or one error, never another, never a loop.</summary>
public sealed class DecoderFuzzSpec
{
    private static readonly SplitId Split = new("crm", "t");
    private static readonly SnowflakeTableOptions Table = new("t", "T", "AT", []);

    private static readonly ResultColumn[] Columns =
    [
        new("TEXT", "text", 0, 0, IsNullable: true), new("AT", "fixed", 38, 0, IsNullable: false), new("N", "fixed", 10, 2, IsNullable: true), new("R", "real", 0, 0, IsNullable: true),
        new("B", "boolean", 0, 0, IsNullable: true), new("D", "date", 0, 0, IsNullable: true), new("M", "timestamp_tz", 0, 9, IsNullable: true), new("X", "binary", 0, 0, IsNullable: true), new("T", "time", 0, 9, IsNullable: true),
    ];

    private static readonly string[] Answers =
    [
        """{"resultSetMetaData":{"numRows":2,"rowType":[{"name":"A","type":"FIXED","precision":38,"scale":0,"nullable":false}],"partitionInfo":[{"rowCount":2,"compressedSize":7}]},"code":"090001","statementHandle":"h","data":[["a","7","1.25","1.5","true","20454","1767225600.123456789 1440","01FF","3600.5"],[null,"8",null,"inf","0",null,"-1",null,null]]}""",
        """{"data":[["x\u00e9\"","9","-0.01","-inf","FALSE","-1","1","","0"]]}""",
        """{"code":"390318","message":"expired","sqlState":"08001","data":null}""",
    ];

    [Fact]
    public Task Rows() => new Fuzz(Answers[..2]).RunAsync(input =>
    {
        using var body = Body(input);
        var shape = TableShape.Of("Table t", Table, Columns);
        using var rows = new RowReader("Table t", Split, "t", shape, new PositionRange(long.MinValue, long.MaxValue), body);
        while (true)
        {
            using var assembler = new ChunkAssembler(shape);
            if (!rows.Read(assembler, 64)) return;
        }
    }, IsOfData);

    [Fact]
    public Task Headers_and_small_results() => new Fuzz(Answers).RunAsync(input =>
    {
        using var body = Body(input);
        var header = ResultHeader.Read(body);
        if (header.Metadata is { } metadata)
            foreach (var column in metadata.Columns) CellColumn.TypeOf(column);
        if (header.Code == "090001") ResultHeader.Rows(body);
    }, IsOfData);

    [Fact]
    public Task Compressed_answers() => new Fuzz([.. Answers.Select(answer => Compressed(Encoding.UTF8.GetBytes(answer)))]).RunAsync(input =>
    {
        using var body = Body(input, isCompressed: true);
        ResultHeader.Read(body);
    }, IsOfData);

    [Theory]
    [InlineData(0, -1)]
    [InlineData(39, 0)]
    [InlineData(10, 11)]
    [InlineData(-5, 2)]
    public void A_number_that_the_lake_has_no_type_for_is_text(int precision, int scale) =>
        Assert.Equal("utf8", CellColumn.TypeOf(new ResultColumn("N", "fixed", precision, scale, IsNullable: true)).Name);

    private static bool IsOfData(Exception e) => e is JsonException or InvalidDataException or PipelineException { Kind: FaultKind.Invalid };

    private static byte[] Compressed(byte[] content)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest)) gzip.Write(content);
        return compressed.ToArray();
    }

    private static ResponseBody Body(byte[] bytes, bool isCompressed = false)
    {
        using var content = new ByteArrayContent(bytes);
        if (isCompressed) content.Headers.ContentEncoding.Add("gzip");
        return ResponseBody.ReadAsync(content, CancellationToken.None).GetAwaiter().GetResult();
    }
}
