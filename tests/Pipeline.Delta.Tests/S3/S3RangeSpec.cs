using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core.Metrics;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Storage;
using Pipeline.DuckDb;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.S3;

/// <summary>No file is fetched whole where a part of it will do, by the bytes of S3's answers.</summary>
public sealed class S3RangeSpec(S3StandIn s3)
{
    private const int Rows = 16_000;
    private const int Texts = 8;

    private static readonly Schema Wide = new([new Field("key", Int64Type.Default, nullable: false), .. Enumerable.Range(0, Texts).Select(text => new Field($"text{text}", StringType.Default, nullable: true))], null);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_column_the_first_rows_and_what_a_file_says_of_itself_cost_a_part_of_the_file()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        var table = await TableAsync(bucket.Store);
        var file = Assert.Single(table.Current.Files);
        Assert.True(file.Size > 12 << 20, $"{file.Size} bytes");
        using var measured = new Measurements("bucket", bucket.Name);

        var column = await CostAsync(async () => Assert.Equal(Rows, await CountAsync(table, new ReadOptions(["key"]))));
        var first = await CostAsync(async () => Assert.Equal(1, await CountAsync(table, new ReadOptions(), rowsMax: 1)));
        var footer = await CostAsync(async () => Assert.Equal(Rows, (await ParquetFooter.ReadAsync(bucket.Store, $"{table.Path}/{file.Path}", "the file", Wide.FieldsList, table.Current, Cancel)).Rows));
        var before = bucket.Proxy.Requests.Count;
        var whole = await CostAsync(async () => Assert.Equal(Rows, await CountAsync(table, new ReadOptions())));
        var requests = bucket.Proxy.Requests.Count - before;

        TestContext.Current.TestOutputHelper!.WriteLine($"of {file.Size:N0} bytes: a column {column:N0}, the first rows {first:N0}, the footer {footer:N0}, everything {whole:N0} in {requests} requests");
        Assert.InRange(column, 1, file.Size / 10);
        Assert.InRange(first, 1, file.Size / 3);
        Assert.InRange(footer, 1, file.Size / 20);
        Assert.InRange(whole, file.Size * 9 / 10, file.Size * 11 / 10);
        Assert.InRange(requests, 1, 100);

        async Task<long> CostAsync(Func<Task> ask)
        {
            var received = measured.Sum(Instruments.S3Received, bucket.Name, "GetObject");
            await ask();
            return (long)(measured.Sum(Instruments.S3Received, bucket.Name, "GetObject") - received);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_query_of_some_columns_costs_their_part_and_finds_the_same_as_one_of_all(bool isOfDuckDb)
    {
        using var scratch = new Scratch();
        await using var bucket = await s3.BucketAsync(Cancel);
        var table = await TableAsync(bucket.Store);
        using var whole = Open(scratch);
        if (isOfDuckDb) table = await RewrittenAsync(whole, table);
        string[] paths = [.. table.Current.Files.Select(file => file.Path)];
        var size = table.Current.Files.Sum(file => file.Size);
        using var measured = new Measurements("bucket", bucket.Name);
        using var parts = Open(scratch);

        foreach (var names in (string[][])[["key"], ["text3", "key"], ["text3"], ["text7"], [.. Wide.FieldsList.Select(field => field.Name)], ["text0"]])
        {
            IReadOnlyList<Field> columns = [.. names.Select(name => Wide.GetFieldByName(name))];
            var before = measured.Sum(Instruments.S3Received, bucket.Name, "GetObject");
            var found = parts.Rows(await SumsAsync(parts, columns)).Single();
            var cost = measured.Sum(Instruments.S3Received, bucket.Name, "GetObject") - before;
            Assert.Equal(whole.Rows(await SumsAsync(whole, Wide.FieldsList, columns)).Single(), found);
            TestContext.Current.TestOutputHelper!.WriteLine($"{string.Join(' ', names)}: {cost:N0} of {size:N0} bytes");
            if (names.Length < 3) Assert.InRange(cost, 0, size / 3);
        }

        // Everything has come once.
        Assert.InRange(measured.Sum(Instruments.S3Received, bucket.Name, "GetObject"), size, size * 9 / 4);

        async Task<string> SumsAsync(DuckDbSession session, IReadOnlyList<Field> read, IReadOnlyList<Field>? asked = null)
        {
            var rows = await TableFiles.RelationAsync(session, table.Store, table.Path, read, paths, withOrigin: true, Cancel);
            return $"SELECT count(*), {string.Join(", ", (asked ?? read).Select(column => $"md5(string_agg(CAST({column.Name} AS VARCHAR), ',' ORDER BY _file, _file_row))"))} FROM ({rows})";
        }
    }

    private static DuckDbSession Open(Scratch scratch) => DuckDbSession.Open(new DuckDbSettings(256L << 20, 2, scratch.Root), Cancel);

    /// <summary>The same rows in files of DuckDB's, which has filters behind its row groups; some texts repeat.</summary>
    private static async Task<DeltaTable> RewrittenAsync(DuckDbSession session, DeltaTable table)
    {
        var rows = await TableFiles.RelationAsync(session, table.Store, table.Path, Wide.FieldsList, [.. table.Current.Files.Select(file => file.Path)], withOrigin: false, Cancel);
        var made = await DeltaTable.OpenOrCreateAsync(table.Store, "of-duckdb", Wide, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        var adds = await ParquetCopy.WriteAsync(session, made, Wide.FieldsList, $"SELECT * REPLACE (CASE WHEN key % 2 = 0 THEN text7 ELSE 'the same' END AS text7) FROM ({rows})", TimeProvider.System.GetUtcNow(), Cancel);
        Assert.IsType<CommitResult.Committed>(await made.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [.. adds] }, Cancel));
        return made;
    }

    private static async Task<int> CountAsync(DeltaTable table, ReadOptions options, int rowsMax = int.MaxValue)
    {
        var rows = 0;
        await foreach (var batch in TableReader.ReadAsync(table, table.Current, options, Cancel))
        {
            using (batch) rows += batch.Length;
            if (rows >= rowsMax) return rowsMax;
        }

        return rows;
    }

    private static async Task<DeltaTable> TableAsync(S3ObjectStore store)
    {
        var table = await DeltaTable.OpenOrCreateAsync(store, "t", Wide, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        await using var writer = await table.OpenDataFileAsync(Wide, TestTables.NoPartitions, new DataFileOptions(RowGroupBytesMax: 2 << 20), Cancel);
        var random = new Random(1);
        for (var row = 0; row < Rows; row += 1_000)
        {
            var texts = Enumerable.Range(0, Texts).Select(_ => new StringArray.Builder().AppendRange(Enumerable.Range(0, 1_000).Select(_ => Convert.ToBase64String(Drawn(random)))).Build());
            using var batch = new RecordBatch(Wide, [new Int64Array.Builder().AppendRange(Enumerable.Range(row, 1_000).Select(key => (long)key)).Build(), .. texts], 1_000);
            writer.Write(batch);
        }

        var added = await writer.CompleteAsync(Cancel);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [added] }, Cancel));
        return table;
    }

    private static byte[] Drawn(Random random)
    {
        var bytes = new byte[90];
        random.NextBytes(bytes);
        return bytes;
    }
}
