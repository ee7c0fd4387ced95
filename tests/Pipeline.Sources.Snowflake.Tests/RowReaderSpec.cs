using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Apache.Arrow;
using CsCheck;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Catalog;
using Pipeline.Sources.Snowflake.Client;
using Pipeline.Sources.Snowflake.Decoding;

namespace Pipeline.Sources.Snowflake.Tests;

public sealed class RowReaderSpec
{
    private static readonly SplitId Split = new("crm", "t");
    private static readonly SnowflakeTableOptions Table = new("t", "T", "AT", []);

    private static readonly ResultColumn[] Columns =
    [
        new("TEXT", "text", 0, 0, IsNullable: true),
        new("AT", "fixed", 18, 0, IsNullable: false),
        new("N", "fixed", 10, 0, IsNullable: true),
    ];

    [Fact]
    public void Rows_of_any_text_and_length_survive_compression_and_refilling() =>
        Gen.Select(Gen.String.Null(), Gen.Long[0, 999], Gen.Long[0, 999].Nullable()).Array[0, 200]
            .Select(Gen.Int[0, 300_000], (rows, padding) => (rows, padding))
            .Sample(sample =>
            {
                var (rows, padding) = sample;
                var cells = rows.OrderBy(row => row.Item2).Select(row => new[] { WellFormed(row.Item1), row.Item2.ToString(), row.Item3?.ToString() }).ToList();
                cells.Add([new string('x', padding), "1000", null]);

                using var chunk = Read(JsonSerializer.Serialize(new { code = "090001", nested = new { data = new[] { 1 } }, data = cells }), out var batch);

                Assert.Equal(cells.Select(row => row[0]), Enumerable.Range(0, batch.Length).Select(i => ((StringArray)batch.Column(0)).GetString(i)));
                Assert.Equal(cells.Select(row => row[1]), Enumerable.Range(0, batch.Length).Select(i => ((Int64Array)batch.Column("_position")).GetValue(i)?.ToString()));
                Assert.Equal(cells.Select(row => row[2]), Enumerable.Range(0, batch.Length).Select(i => ((Int64Array)batch.Column(2)).GetValue(i)?.ToString()));
            }, iter: 50);

    [Fact]
    public void A_row_with_an_undecodable_cell_becomes_a_dead_letter_and_its_neighbours_flow()
    {
        using var chunk = Read("""{"data":[["a","1","1"], ["b","2","two"] ,["\ud800","3","3"],["d","4",null]]}""", out var batch);

        Assert.Equal(["a", "d"], Enumerable.Range(0, batch.Length).Select(i => ((StringArray)batch.Column(0)).GetString(i)));
        var dead = chunk.DeadLetters!;
        Assert.Equal(DeadLetterColumns.SourceSchema.FieldsList.Select(field => field.Name), dead.Schema.FieldsList.Select(field => field.Name));
        Assert.Equal([2L, 3L], ((Int64Array)dead.Column("_position")).Values.ToArray());
        Assert.Equal("""["b","2","two"]""", Encoding.UTF8.GetString(((BinaryArray)dead.Column("value")).GetBytes(0)));
        Assert.Equal("""["\ud800","3","3"]""", Encoding.UTF8.GetString(((BinaryArray)dead.Column("value")).GetBytes(1)));
        Assert.Contains("column N", ((StringArray)dead.Column("reason")).GetString(0));
        Assert.Contains("column TEXT", ((StringArray)dead.Column("reason")).GetString(1));
    }

    [Theory]
    [InlineData("""{"data":[["a","5","1"],["b","4","1"]]}""")]
    [InlineData("""{"data":[["a","5","1"],["b","2000","1"]]}""")]
    [InlineData("""{"data":[["a","99","1"],["b","4","two"]]}""")]
    public void A_row_that_does_not_stand_where_its_watermark_says_is_none(string json) =>
        Assert.Throws<JsonException>(() => Read(json, out _));

    [Fact]
    public void A_row_whose_watermark_cannot_be_read_stops_the_table()
    {
        var failure = Assert.Throws<PipelineException>(() => Read("""{"data":[["a","1e9","1"]]}""", out _));

        Assert.Equal(FaultKind.Invalid, failure.Kind);
        Assert.Contains("'AT'", failure.Message);
    }

    [Theory]
    [InlineData("""{"data":[["a","1"]]}""")]
    [InlineData("""{"data":[["a","1","2","3"]]}""")]
    [InlineData("""{"data":[["a","1",["2"]]]}""")]
    [InlineData("""{"data":[["a","1","2"]""")]
    [InlineData("""{"data":{}}""")]
    [InlineData("""{"rows":[]}""")]
    [InlineData("""[]""")]
    [InlineData("")]
    [InlineData("""{"data":[["a","1","1"]],"data":[["b","2","1"]]}""")]
    [InlineData("""{"data":[["a","1","1"]]]}""")]
    [InlineData("""{"data":[["a","1","1"]]}]""")]
    [InlineData("""{"data":[["a","1","1"]]}{"data":[["b","2","1"]]}""")]
    [InlineData("""{"data":[["a","1","1"]],["b","2","1"]}""")]
    [InlineData("""{"data":[["a","1","1"]],"code":"391908"}""")]
    [InlineData("""{"code":"391908","data":[["a","1","1"]]}""")]
    public void An_answer_that_is_cut_off_or_malformed_is_never_taken_for_rows(string json) =>
        Assert.ThrowsAny<JsonException>(() => Read(json, out _));

    [Fact]
    public void Metadata_is_read_wherever_it_stands_and_however_types_are_spelt()
    {
        using var body = Body("""
            {"data":[["1"]],"code":"090001","statementHandle":"h","resultSetMetaData":{"numRows":6,"format":"jsonv2",
             "rowType":[{"name":"A","type":"FIXED","precision":38,"scale":null,"nullable":false,"byteLength":null},{"name":"B","type":"text","length":16777216,"scale":null}],
             "partitionInfo":[{"rowCount":1,"uncompressedSize":7},{"rowCount":5,"uncompressedSize":70,"compressedSize":30}]}}
            """);

        var header = ResultHeader.Read(body);

        Assert.Equal("h", header.StatementHandle);
        Assert.Equal([new ResultColumn("A", "fixed", 38, 0, IsNullable: false), new ResultColumn("B", "text", 0, 0, IsNullable: true)], header.Metadata!.Columns);
        Assert.Equal([new ResultPartition(1, 7), new ResultPartition(5, 30)], header.Metadata.Partitions);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(7)]
    public void A_number_of_rows_that_is_not_that_of_the_partitions_together_is_no_answer(int rows)
    {
        using var body = Body("{\"resultSetMetaData\":{\"numRows\":" + rows + ",\"rowType\":[],\"partitionInfo\":[{\"rowCount\":1},{\"rowCount\":5}]},\"data\":[[\"1\"]],\"code\":\"090001\"}");

        Assert.Contains($"says that it has {rows} rows, and its partitions have 6", Assert.Throws<JsonException>(() => ResultHeader.Read(body)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_result_without_a_list_of_partitions_is_one_partition() =>
        Assert.Equal(7, new ResultMetadata([], [], Rows: 7).RowsOf(0));

    [Fact]
    public void The_rows_of_a_partition_are_counted_without_being_read()
    {
        using var body = Body("""{"code":"090001","data":[["[a]","1",null],["\"]","2","1"],[]],"more":[[1]]}""");

        Assert.Equal(3, RowReader.Count(body));
    }

    private static Chunk Read(string json, out RecordBatch batch)
    {
        using var body = Body(json);
        var shape = TableShape.Of("Table t", Table, Columns);
        using var rows = new RowReader("Table t", Split, "t", shape, new PositionRange(0, 2000), body);
        var assembler = new ChunkAssembler(shape);
        Assert.False(rows.Read(assembler, long.MaxValue));
        var chunk = assembler.Build(Split, "t", new PositionRange(0, 2000));
        batch = chunk.Rows!;
        return chunk;
    }

    private static ResponseBody Body(string json)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes(json));
        using var content = new ByteArrayContent(compressed.ToArray());
        content.Headers.ContentEncoding.Add("gzip");
        return ResponseBody.ReadAsync(content, CancellationToken.None).GetAwaiter().GetResult();
    }

    private static string? WellFormed(string? text) => text is null ? null : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
}
