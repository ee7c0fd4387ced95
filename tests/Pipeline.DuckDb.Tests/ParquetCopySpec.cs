using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Tests;

namespace Pipeline.DuckDb.Tests;

public sealed class ParquetCopySpec : IDisposable
{
    private const int Rows = 40_000;
    private const int TextBytes = 4096;

    private static readonly Schema Columns = new([new Field("id", Int64Type.Default, nullable: true), new Field("body", StringType.Default, nullable: true)], null);

    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData(Codec.Snappy)]
    [InlineData(Codec.Zstd)]
    public async Task Files_are_compressed_and_named_as_configured(Codec codec)
    {
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "table", Columns, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        using var duck = DuckDbSession.Open(new DuckDbSettings(64L << 20, Threads: 1, _scratch.Root) { Compression = codec }, Cancel);

        var file = Assert.Single(await ParquetCopy.WriteAsync(duck, table, [.. Columns.FieldsList], "SELECT 1 AS id, 'a' AS body", TimeProvider.System.GetUtcNow(), Cancel));

        Assert.EndsWith($".{codec.Name()}.parquet", file.Path, StringComparison.Ordinal);
        Assert.Equal(2, duck.Count($"SELECT count(*) FROM parquet_metadata('{_scratch.Store().LocalPath("table")}/{file.Path}') WHERE lower(compression) = '{codec.Name()}'"));
    }

    [Fact]
    public async Task The_higher_the_level_the_smaller_the_file_and_its_rows_are_the_same()
    {
        const string rows = "SELECT i::BIGINT AS id, md5((i % 5000)::VARCHAR) || md5((i // 7)::VARCHAR) AS body FROM range(60000) t(i)";
        var bytes = new List<long>();
        foreach (var level in (int[])[1, 19])
        {
            var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), $"level{level}", Columns, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
            using var duck = DuckDbSession.Open(new DuckDbSettings(64L << 20, Threads: 1, _scratch.Root) { Compression = new FileCompression(Codec.Zstd, level) }, Cancel);

            var file = Assert.Single(await ParquetCopy.WriteAsync(duck, table, [.. Columns.FieldsList], rows, TimeProvider.System.GetUtcNow(), Cancel));

            bytes.Add(file.Size);
            Assert.Equal(0, duck.Count($"SELECT count(*) FROM (({rows}) EXCEPT SELECT * FROM read_parquet('{_scratch.Store().LocalPath($"level{level}")}/{file.Path}'))"));
        }

        Assert.True(bytes[1] < bytes[0], string.Join(" and ", bytes));
    }

    [Fact]
    public async Task What_the_log_says_of_booleans_infinities_and_the_end_of_time_is_the_same_whoever_says_it()
    {
        Field[] fields =
        [
            new("flag", BooleanType.Default, nullable: true), new("down", DoubleType.Default, nullable: true), new("up", FloatType.Default, nullable: true),
            new("nan", DoubleType.Default, nullable: true), new("last", new TimestampType(TimeUnit.Microsecond, "UTC"), nullable: true), new("never", BooleanType.Default, nullable: true),
        ];
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "ends", new Schema(fields, null), [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        using var duck = DuckDbSession.Open(new DuckDbSettings(64L << 20, Threads: 1, _scratch.Root), Cancel);
        const string values = """
            SELECT * FROM (VALUES (true, '-inf'::DOUBLE, 'inf'::FLOAT, 'nan'::DOUBLE, TIMESTAMPTZ '9999-12-31 23:59:59.999999+00', NULL::BOOLEAN),
              (false, 1.5, -2.5, 1.0, TIMESTAMPTZ '2026-01-01 00:00:00+00', NULL), (NULL, NULL, NULL, NULL, NULL, NULL)) AS v(flag, down, up, nan, last, never)
            """;
        const string expected = """{"numRecords":3,"minValues":{"flag":false,"down":"-Infinity","up":-2.5,"last":"2026-01-01T00:00:00.000Z"},"maxValues":{"flag":true,"down":1.5,"up":"Infinity","last":"9999-12-31T23:59:59.999Z"},"nullCount":{"flag":1,"down":1,"up":1,"nan":1,"last":1,"never":3}}""";

        var file = Assert.Single(await ParquetCopy.WriteAsync(duck, table, fields, values, TimeProvider.System.GetUtcNow(), Cancel));
        var footer = await ParquetFooter.ReadAsync(_scratch.Store(), $"ends/{file.Path}", "the file", fields, table.Current, Cancel);
        await using var writer = await table.OpenDataFileAsync(new Schema(fields, null), TestTables.NoPartitions, new DataFileOptions(), Cancel);
        using var reader = new ParquetSharp.Arrow.FileReader(Path.Combine(_scratch.Root, "ends", file.Path));
        using var batches = reader.GetRecordBatchReader();
        while (await batches.ReadNextRecordBatchAsync(Cancel) is { } batch) using (batch) writer.Write(batch);
        var own = await writer.CompleteAsync(Cancel);

        Assert.Equal([expected, expected, expected], (string?[])[file.Stats, footer.Stats, own.Stats]);
    }

    [Fact]
    public async Task Rows_of_a_size_that_memory_does_not_hold_are_written_in_groups_bounded_by_bytes()
    {
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "wide", Columns, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        using var duck = DuckDbSession.Open(new DuckDbSettings(128L << 20, Threads: 2, _scratch.Root), Cancel);

        var files = await ParquetCopy.WriteAsync(duck, table, [.. Columns.FieldsList], $"SELECT i AS id, repeat(chr(97 + (i % 26)::INT), {TextBytes}) AS body FROM range({Rows}) r(i)",
            TimeProvider.System.GetUtcNow(), Cancel);

        Assert.Equal(Rows, files.Sum(file => file.RowCount));
        foreach (var file in files)
            Assert.InRange(duck.Count($"SELECT max(row_group_num_rows) FROM parquet_metadata('{_scratch.Store().LocalPath("wide")}/{file.Path}')"), 1, Rows / 4);
    }
}
