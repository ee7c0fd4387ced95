using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core.Metrics;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Storage;
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
