using Apache.Arrow;
using Apache.Arrow.Types;
using ParquetSharp;
using Pipeline.Core;
using Pipeline.Core.Columns;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Storage;

namespace Pipeline.Delta.Tests.Parquet;

public sealed class DataFileSpec : IDisposable
{
    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Every_type_comes_back_as_it_was_written()
    {
        var table = await OpenAsync(AllTypes.Schema);

        var snapshot = await AppendAsync(table, AllTypes.Batch());
        List<RecordBatch> read = [];
        await foreach (var batch in TableReader.ReadAsync(table, snapshot, new ReadOptions(), Cancel)) read.Add(batch);

        var only = Assert.Single(read);
        Assert.Equal(AllTypes.Schema.FieldsList.Select(field => (field.Name, field.DataType.TypeId)),
            only.Schema.FieldsList.Select(field => (field.Name, field.DataType.TypeId)));
        Assert.Equal(ArrowText.Of(AllTypes.Batch()), ArrowText.Of(only));
    }

    [Fact]
    public async Task Another_reader_sees_the_same_dates_times_and_decimals()
    {
        var table = await OpenAsync(AllTypes.Schema);

        var snapshot = await AppendAsync(table, AllTypes.Batch());
        var seen = DuckDbRows.Query(table, snapshot,
            "SELECT concat_ws('|', date, epoch_us(time), small, big, pair.t, list, map) FROM files WHERE long IS NOT NULL ORDER BY long", row => row.GetString(0));

        Assert.Equal(
        [
            "0001-01-01|-62135596800000000|-9999999.99|-99999999999999999999.999999999999999999||[1, NULL]|{a=1}",
            "9999-12-31|253402300799999999|0.05|99999999999999999999.999999999999999999|zebra ü|[3]|{b=NULL}",
        ], seen);
    }

    [Fact]
    public async Task Timestamps_are_64_bit_microseconds_in_utc_and_the_footer_says_Spark()
    {
        var table = await OpenAsync(AllTypes.Schema);

        var file = Assert.Single((await AppendAsync(table, AllTypes.Batch())).Files);
        using var reader = new ParquetFileReader(table.Store.LocalPath($"t/{file.Path}")!);

        Assert.Equal("3.5.0", reader.FileMetaData.KeyValueMetadata["org.apache.spark.version"]);
        var column = reader.FileMetaData.Schema.Column(AllTypes.Schema.GetFieldIndex("time", StringComparer.Ordinal));
        Assert.Equal(PhysicalType.Int64, column.PhysicalType);
        var type = Assert.IsType<TimestampLogicalType>(column.LogicalType);
        Assert.Equal((true, ParquetSharp.TimeUnit.Micros), (type.IsAdjustedToUtc, type.TimeUnit));
    }

    [Fact]
    public async Task Rows_may_reuse_their_memory_as_soon_as_they_are_written()
    {
        var table = await OpenAsync(TestTables.KeyAndText);
        await using var writer = await table.OpenDataFileAsync(TestTables.KeyAndText, TestTables.NoPartitions, new DataFileOptions(), Cancel);
        const int Batches = 20, RowsInBatch = 1000;

        for (var batch = 0; batch < Batches; batch++)
        {
            using var memory = new ColumnMemory();
            var keys = new FixedColumn<long>(memory, Int64Type.Default);
            var texts = new BytesColumn(memory, StringType.Default);
            for (var row = 0; row < RowsInBatch; row++)
            {
                keys.Append((batch * RowsInBatch) + row);
                texts.Append(System.Text.Encoding.UTF8.GetBytes($"row {(batch * RowsInBatch) + row}"));
            }

            writer.Write(new RecordBatch(TestTables.KeyAndText, [keys.Build(), texts.Build()], RowsInBatch));
            Scribble(keys.Build());
            Scribble(texts.Build());
        }

        var snapshot = await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [await writer.CompleteAsync(Cancel)] });
        var wrong = DuckDbRows.Query(table, snapshot, "SELECT count(*) FROM files WHERE text <> 'row ' || key", row => row.GetInt64(0));
        Assert.Equal([0], wrong);
        Assert.Equal(Enumerable.Range(0, Batches * RowsInBatch).Select(key => (long)key), DuckDbRows.Keys(table, snapshot));
    }

    [Fact]
    public async Task Row_groups_end_when_they_have_their_bytes()
    {
        var table = await OpenAsync(TestTables.KeyAndText);
        long[] keys = [.. Enumerable.Range(0, 1000).Select(key => (long)key)];
        await using var writer = await table.OpenDataFileAsync(TestTables.KeyAndText, TestTables.NoPartitions, new DataFileOptions(RowGroupBytesMax: 40_000), Cancel);

        for (var i = 0; i < 10; i++) writer.Write(TestTables.Rows(keys));
        var estimated = writer.Bytes;
        var file = await writer.CompleteAsync(Cancel);

        using var reader = new ParquetFileReader(table.Store.LocalPath($"t/{file.Path}")!);
        // A batch takes 19 KB, so every third ends a group.
        Assert.Equal(4, reader.FileMetaData.NumRowGroups);
        Assert.Equal(10_000, reader.FileMetaData.NumRows);
        Assert.InRange(estimated, file.Size / 2, file.Size * 2);
    }

    [Fact]
    public async Task A_file_that_is_dropped_while_it_is_written_ends_behind_the_write_and_takes_no_more()
    {
        var table = await OpenAsync(TestTables.KeyAndText);
        var rows = TestTables.Rows([.. Enumerable.Range(0, 200).Select(key => (long)key)]);
        var rounds = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 5_000 : 30;
        for (var round = 0; round < rounds; round++)
        {
            var writer = await table.OpenDataFileAsync(TestTables.KeyAndText, TestTables.NoPartitions, new DataFileOptions(RowGroupBytesMax: 10_000), Cancel);
            var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var writing = Task.Run(() =>
            {
                while (true)
                {
                    writer.Write(rows);
                    begun.TrySetResult();
                }
            }, Cancel);
            await Task.WhenAny(begun.Task, writing);

            await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(async () => await writer.DisposeAsync(), Cancel)));

            await Assert.ThrowsAsync<ObjectDisposedException>(() => writing);
        }
    }

    [Fact]
    public async Task Missing_nullable_columns_are_null_and_others_are_refused_by_name()
    {
        var table = await OpenAsync(TestTables.KeyAndText);
        await using var writer = await table.OpenDataFileAsync(TestTables.KeyAndText, TestTables.NoPartitions, new DataFileOptions(), Cancel);
        var keyOnly = new Schema([TestTables.KeyAndText.GetFieldByName("key")], null);
        var textOnly = new Schema([TestTables.KeyAndText.GetFieldByName("text")], null);
        var wrongType = new Schema([new Field("key", Int32Type.Default, nullable: false)], null);

        writer.Write(new RecordBatch(keyOnly, [new Int64Array.Builder().Append(1).Build()], 1));
        var missing = Assert.Throws<PipelineException>(() => writer.Write(new RecordBatch(textOnly, [new StringArray.Builder().Append("x").Build()], 1)));
        var wrong = Assert.Throws<PipelineException>(() => writer.Write(new RecordBatch(wrongType, [new Int32Array.Builder().Append(1).Build()], 1)));
        var isNull = Assert.Throws<PipelineException>(() => writer.Write(new RecordBatch(TestTables.KeyAndText,
            [new Int64Array.Builder().AppendNull().Build(), new StringArray.Builder().Append("x").Build()], 1)));
        var file = await writer.CompleteAsync(Cancel);

        Assert.Contains("column key must not be null, and the rows do not have it", missing.Message, StringComparison.Ordinal);
        Assert.Contains("column key is long, and the rows have integer", wrong.Message, StringComparison.Ordinal);
        Assert.Contains("column key must not be null, and it is in 1 of 1 row", isNull.Message, StringComparison.Ordinal);
        Assert.Equal("""{"numRecords":1,"minValues":{"key":1},"maxValues":{"key":1},"nullCount":{"key":0,"text":1}}""", file.Stats);
    }

    [Fact]
    public async Task A_full_disk_is_the_error_that_the_writer_reports()
    {
        var table = await DeltaTable.OpenOrCreateAsync(new FullStore(_scratch.Store()), "t", TestTables.KeyAndText, [], TestTables.NoConfiguration,
            TimeProvider.System, Cancel);
        long[] keys = [.. Enumerable.Range(0, 1000).Select(key => (long)key)];
        await using var writer = await table.OpenDataFileAsync(TestTables.KeyAndText, TestTables.NoPartitions, new DataFileOptions(RowGroupBytesMax: 1), Cancel);

        var error = Assert.Throws<PipelineException>(() =>
        {
            for (var i = 0; i < 3; i++) writer.Write(TestTables.Rows(keys));
        });

        Assert.Equal(FaultKind.StorageFull, error.Kind);
    }

    [Fact]
    public async Task A_file_that_is_not_completed_leaves_nothing_behind()
    {
        var table = await OpenAsync(TestTables.KeyAndText);

        await using (var writer = await table.OpenDataFileAsync(TestTables.KeyAndText, TestTables.NoPartitions, new DataFileOptions(), Cancel))
            writer.Write(TestTables.Rows(1, 2, 3));

        Assert.Empty(Directory.EnumerateFiles(Path.Combine(_scratch.Root, "t")));
    }

    private static void Scribble(IArrowArray array)
    {
        foreach (var buffer in array.Data.Buffers.Skip(1))
        {
            using var pinned = buffer.Memory.Pin();
            System.Runtime.InteropServices.MemoryMarshal.AsMemory(buffer.Memory).Span.Fill(0xEE);
        }
    }

    private ValueTask<DeltaTable> OpenAsync(Schema schema) =>
        DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", schema, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);

    private static async Task<Snapshot> AppendAsync(DeltaTable table, RecordBatch rows) =>
        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [await TestTables.WriteFileAsync(table, rows)] });

    /// <summary>A disk that takes the log, and of data files only their first bytes.</summary>
    private sealed class FullStore(IObjectStore inner) : StoreDecorator(inner)
    {
        public override async ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken) =>
            new FullUpload(await Inner.OpenUploadAsync(path, cancellationToken));
    }

    private sealed class FullUpload(ObjectUpload inner) : ObjectUpload
    {
        public override Stream Content { get; } = new FullStream();

        public override ValueTask<long> CompleteAsync(CancellationToken cancellationToken) => inner.CompleteAsync(cancellationToken);

        public override ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class FullStream : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (Length + buffer.Length > 1000) throw new PipelineException(FaultKind.StorageFull, "Disk", "no space is left on the disk", "Free space.");
            base.Write(buffer);
        }
    }
}
