using System.Diagnostics;
using Apache.Arrow;
using Apache.Arrow.Types;
using ParquetSharp;
using ParquetSharp.Arrow;
using Pipeline.Core.Columns;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Benchmarks;

/// <summary>
/// A durable append (data file, statistics, commit) beside the native Parquet writer alone with the same rows and
/// settings; then what a commit and an opening take.
/// </summary>
internal sealed class DeltaBenchmark : IBenchmark
{
    private const int RowsInBatch = 8192;
    private const int Batches = 100;
    private const int Rounds = 15;
    private const int WarmUpRounds = 5;
    private const int BatchesInRowGroup = 20;
    private const int Commits = 150;

    private static readonly Schema Columns = new(
    [
        new Field("id", Int64Type.Default, nullable: false),
        new Field("at", new TimestampType(Apache.Arrow.Types.TimeUnit.Microsecond, "UTC"), nullable: false),
        new Field("amount", new Decimal128Type(18, 2), nullable: true),
        new Field("user", StringType.Default, nullable: true),
        new Field("payload", StringType.Default, nullable: false),
    ], null);

    public string Name => "delta";

    public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        using var directory = new ScratchDirectory("bench-delta-");
        var append = await AppendAsync(directory, output, cancellationToken);
        await CommitAndOpenAsync(directory, output, cancellationToken);
        return [Goal.AtMost($"{Name}-append", 1.10).Judge(append)];
    }

    /// <returns>The time of a durable append in parts of what the writer alone takes.</returns>
    private static async Task<double> AppendAsync(string directory, TextWriter output, CancellationToken cancellationToken)
    {
        using var memory = new ColumnMemory();
        var batch = Batch(memory);
        var table = await OpenAsync(directory, "append", cancellationToken);
        // Both until the compiler has done its best.
        for (var round = 0; round < WarmUpRounds; round++)
        {
            WriteAlone(directory, batch);
            await WriteAsync(table, batch, cancellationToken);
        }

        var alternation = new Alternation("rows", RowsInBatch * Batches, "ParquetSharp alone", "durable append");
        for (var round = 0; round <= Rounds; round++)
        {
            await alternation.RoundAsync(
                () => Usage.OfAsync(() => Task.Run(() => WriteAlone(directory, batch), cancellationToken)),
                () => Usage.OfAsync(() => Task.Run(() => WriteAsync(table, batch, cancellationToken), cancellationToken)));
        }

        await output.WriteLineAsync("rows of 5 columns, 150 bytes of JSON each");
        await alternation.PrintAsync(output);
        return alternation.Time("durable append").Median;
    }

    private static async Task CommitAndOpenAsync(string directory, TextWriter output, CancellationToken cancellationToken)
    {
        var table = await OpenAsync(directory, "commits", cancellationToken);
        List<double> commits = [];
        for (var i = 0; i < Commits; i++)
        {
            var start = Stopwatch.GetTimestamp();
            await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend)
            {
                Adds = [new AddFile($"part-{i}.parquet", System.Collections.Immutable.ImmutableDictionary<string, string?>.Empty, 1, DateTimeOffset.UnixEpoch, DataChange: true, null)],
                Moves = [new TxnMove("bench/0", i == 0 ? null : i, i + 1)],
            }, cancellationToken);
            commits.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        await table.PendingCheckpoint;
        List<double> opens = [];
        for (var i = 0; i < 20; i++)
        {
            var start = Stopwatch.GetTimestamp();
            _ = await OpenAsync(directory, "commits", cancellationToken);
            opens.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        commits.Sort();
        await output.WriteLineAsync($"commit              p50 {commits[Commits / 2]:F1} ms, p99 {commits[Commits * 99 / 100]:F1} ms");
        await output.WriteLineAsync($"open                {Median(opens):F1} ms with a checkpoint and up to 100 commits");
    }

    private static ValueTask<DeltaTable> OpenAsync(string directory, string name, CancellationToken cancellationToken) =>
        DeltaTable.OpenOrCreateAsync(new LocalObjectStore(directory), name, Columns, [], new Dictionary<string, string> { ["delta.checkpointInterval"] = "100" },
            TimeProvider.System, cancellationToken);

    private static async Task WriteAsync(DeltaTable table, RecordBatch batch, CancellationToken cancellationToken)
    {
        var options = new DataFileOptions(RowGroupBytesMax: BatchesInRowGroup * ArrowSize(batch), NoDictionary: ["payload"]);
        await using var file = await table.OpenDataFileAsync(Columns, new Dictionary<string, string?>(), options, cancellationToken);
        for (var i = 0; i < Batches; i++) file.Write(batch);
        await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [await file.CompleteAsync(cancellationToken)] }, cancellationToken);
    }

    private static void WriteAlone(string directory, RecordBatch batch)
    {
        using var builder = new WriterPropertiesBuilder();
        using var properties = builder.Compression(ParquetSharp.Compression.Snappy).EnableStoreDecimalAsInteger().DisableDictionary("payload").Build();
        // A new file each time, as an append makes one: overwriting reuses what the disk has laid out.
        using var file = new FileStream(Path.Combine(directory, $"alone-{Guid.NewGuid():N}.parquet"), FileMode.CreateNew, FileAccess.Write, FileShare.None, 128 * 1024);
        using var writer = new FileWriter(file, Columns, properties, leaveOpen: true);
        for (var i = 0; i < Batches; i++)
        {
            if (i % BatchesInRowGroup == 0) writer.NewBufferedRowGroup();
            writer.WriteBufferedRecordBatch(batch);
        }

        writer.Close();
        // As durable as what it is compared with.
        file.Flush(flushToDisk: true);
    }

    private static RecordBatch Batch(ColumnMemory memory)
    {
        var id = new FixedColumn<long>(memory, Int64Type.Default);
        var at = new FixedColumn<long>(memory, Columns.GetFieldByName("at").DataType);
        var amount = new FixedColumn<Int128>(memory, Columns.GetFieldByName("amount").DataType);
        var user = new BytesColumn(memory, StringType.Default);
        var payload = new BytesColumn(memory, StringType.Default);
        var random = new Random(1);
        for (var row = 0; row < RowsInBatch; row++)
        {
            id.Append(row);
            at.Append(1_767_225_600_000_000 + (row * 1000L));
            if (row % 10 == 0) amount.AppendNull();
            else amount.Append(random.Next(1_000_000));
            user.Append(System.Text.Encoding.UTF8.GetBytes($"user-{random.Next(500)}"));
            payload.Append(System.Text.Encoding.UTF8.GetBytes($$"""{"event_id":"{{Guid.NewGuid()}}","event_type":"page_view","page_url":"/products/{{random.Next(100_000)}}","session":"{{random.NextInt64():x16}}"}"""));
        }

        return new RecordBatch(Columns, [id.Build(), at.Build(), amount.Build(), user.Build(), payload.Build()], RowsInBatch);
    }

    private static long ArrowSize(RecordBatch batch) => batch.Arrays.Sum(array => array.Data.Buffers.Sum(buffer => (long)buffer.Length));

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
