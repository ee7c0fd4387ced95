using System.Collections.Immutable;
using System.Globalization;
using Apache.Arrow;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Testing;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Ingest.DeadLetters;
using Pipeline.Sources.Kafka;
using Pipeline.Sources.Kafka.Decoding;

namespace Pipeline.Ingest.Tests.DeadLetters;

/// <summary>
/// A lake with dead letters of the Kafka table <c>events/clicks</c>, written by hand, and the real source to decode them:
/// that needs no broker.
/// </summary>
internal sealed class LetterLake : IDisposable
{
    public const string Name = "clicks";
    public const string Split = "events/clicks/0";
    public static readonly TableId Clicks = TableId.Bronze("events", Name);
    public static readonly TableId Dead = TableId.DeadLetter("events");
    private static readonly DateTimeOffset At = new(2026, 3, 2, 12, 0, 0, TimeSpan.Zero);

    private readonly LakeOracle _oracle = new();

    public Lake Lake => _oracle.Lake;

    public string Root => _oracle.Root;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static KafkaTableOptions Table(long recordBytesMax = 1 << 20, KafkaFormat format = KafkaFormat.Json) =>
        new() { Name = Name, Topic = Name, RecordBytesMax = recordBytesMax, Format = format };

    public static IRedriveSource Source(KafkaTableOptions? table = null, Uri? registry = null) =>
        (IRedriveSource)new KafkaSourceDefinition(new KafkaSourceOptions
        {
            Name = "events",
            Bootstrap = "127.0.0.1:1",
            Tables = [table ?? Table()],
            Registry = registry is null ? null : new SchemaRegistryOptions { Url = registry, Retry = new RetryPolicy { AttemptsMax = 1 } },
        }).Open(new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new TestOwner()));

    public static DeadLetter Letter(long position, byte[]? value, string code = "too_large", string split = Split, byte[]? key = null, string? headers = null) =>
        new(Name, SplitId.Parse(split), position, code, "as it was then", key, value, headers, At.AddSeconds(position));

    /// <summary>Runs a redrive as an operator does: with a lake and a source of its own.</summary>
    public async Task<RedriveReport> RedriveAsync(KafkaTableOptions? table = null, LetterSelection? selection = null, bool isDryRun = false, Uri? registry = null)
    {
        await using var source = Source(table, registry);
        var lake = new Lake(Lake.Store, TimeProvider.System);
        return await Redrive.RunAsync(lake, source, Clicks, selection ?? new LetterSelection(), isDryRun, IngestNode.Fast, TimeProvider.System, Cancel);
    }

    /// <summary>Commits dead letters and, unless told otherwise, takes the table behind them.</summary>
    public async Task DieAsync(bool isReached = true, params DeadLetter[] letters)
    {
        var dead = await BronzeTable.OpenAsync(Lake, Dead, DeadLetterColumns.SourceSchema, Cancel);
        var ends = letters.GroupBy(letter => letter.Split.ToString()).ToDictionary(group => group.Key, group => group.Max(letter => letter.Position) + 1);
        // Tables learn the column with their first row of another epoch than 0.
        if (letters.Any(letter => letter.Epoch > 0)) dead = dead.With(BronzeColumns.EpochField);
        if (letters.Any(letter => letter.Order is not null)) dead = dead.With(BronzeColumns.ReadingField);
        await CommitAsync(dead, RowsOf(letters), ends, [.. letters.Select(letter => letter.Rows)]);
        if (isReached) await PassAsync(ends);
    }

    public Task DieAsync(params DeadLetter[] letters) => DieAsync(isReached: true, letters);

    /// <summary>Moves the table's splits without rows.</summary>
    public async Task PassAsync(IReadOnlyDictionary<string, long> ends) => await CommitAsync(await OpenAsync(), rows: null, ends);

    /// <summary>From now on the table reads the split in another epoch, and is so far in it.</summary>
    public async Task BeginEpochAsync(int epoch, long reached, int? order = null)
    {
        var (table, split) = (await OpenAsync(), SplitId.Parse(Split));
        Assert.IsType<CommitResult.Committed>(await table.Delta.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend)
        {
            ReadVersion = table.Delta.Current.Version,
            Moves = [new TxnMove(split, epoch, from: null, reached)],
            Properties = ImmutableDictionary<string, string?>.Empty.Add(SplitHistory.KeyOf(split), new SplitHistory(epoch, "another") { Order = order }.Write()),
        }, Cancel));
    }

    /// <summary>Commits a record as the source reads it.</summary>
    public async Task AppendAsync(DeadLetter record, DateTimeOffset? at = null)
    {
        await using var source = Source();
        using var rows = await source.DecodeAsync(Name, record.Split, [record with { Timestamp = at ?? record.Timestamp }], Cancel);
        await CommitAsync(await OpenAsync(), rows.Rows, new Dictionary<string, long>(StringComparer.Ordinal) { [record.Split.ToString()] = record.Position + 1 });
    }

    /// <summary>An expression over the rows of the table, in no order; the rows are read by DuckDB.</summary>
    public Task<IReadOnlyList<string>> RowsAsync(string expression) => _oracle.ColumnAsync(Clicks, expression);

    public async Task<DeltaTable> ClicksAsync() => Assert.IsType<DeltaTable>(await new Lake(Lake.Store, TimeProvider.System).TryOpenAsync(Clicks, Cancel));

    public void Dispose() => _oracle.Dispose();

    private async Task<BronzeTable> OpenAsync()
    {
        await using var source = Source();
        return await BronzeTable.OpenAsync(Lake, Clicks, await source.DescribeAsync(Name, Cancel), Cancel);
    }

    /// <summary>Commits rows and takes splits further.</summary>
    public static async Task CommitAsync(BronzeTable table, RecordBatch? rows, IReadOnlyDictionary<string, long> ends, RowEpoch[]? epochs = null, DateTimeOffset[]? orderTimes = null)
    {
        var adds = ImmutableArray<AddFile>.Empty;
        if (rows is not null)
        {
            var today = ImmutableDictionary<string, string?>.Empty.Add(BronzeColumns.IngestDate, At.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
            await using var file = await table.Delta.OpenDataFileAsync(table.FileSchema, today, new DataFileOptions(), Cancel);
            using var times = new TimestampArray.Builder(BronzeColumns.Timestamp).AppendRange(Enumerable.Repeat(At, rows.Length)).Build();
            IArrowArray[] ofEpochs = table.FileSchema.FieldsLookup.Contains(BronzeColumns.Epoch) ? [Numbers(epochs!.Select(epoch => (int?)epoch.Order))] : [];
            IArrowArray[] ofReadings = table.FileSchema.FieldsLookup.Contains(BronzeColumns.Reading) ? [Numbers(epochs!.Select(epoch => epoch.Reading))] : [];
            IArrowArray[] inOrder = orderTimes is null ? [] : [new TimestampArray.Builder(BronzeColumns.Timestamp).AppendRange(orderTimes).Build()];
            file.Write(new RecordBatch(table.FileSchema, [.. rows.Arrays, times, .. ofEpochs, .. ofReadings, .. inOrder], rows.Length));
            adds = [await file.CompleteAsync(Cancel)];
        }

        var moves = ends.Select(end => new TxnMove(end.Key, table.Delta.Current.Position(end.Key), end.Value)).ToImmutableArray();
        var transaction = new Transaction("WRITE", Isolation.BlindAppend) { Adds = adds, Moves = moves, Schema = epochs is not null && table.AddedSchema is { } ipc ? BronzeTable.FromIpc(ipc) : null };
        // A redrive gives the table its mark: like the committer, the writer looks again and goes on.
        while (await table.Delta.CommitAsync(transaction, Cancel) is var result and not CommitResult.Committed) Assert.IsType<CommitResult.Conflicted>(result);
    }

    public static RecordBatch RowsOf(DeadLetter[] letters) => new(DeadLetterColumns.SourceSchema,
    [
        Texts(letters.Select(letter => letter.Table)),
        Texts(letters.Select(letter => letter.Split.ToString())),
        new Int64Array.Builder().AppendRange(letters.Select(letter => letter.Position)).Build(),
        Texts(letters.Select(letter => letter.Code)),
        Texts(letters.Select(letter => letter.Reason)),
        Bytes(letters.Select(letter => letter.Key)),
        Bytes(letters.Select(letter => letter.Value)),
        Texts(letters.Select(letter => letter.Headers)),
        new TimestampArray.Builder(BronzeColumns.Timestamp).AppendRange(letters.Select(letter => letter.Timestamp!.Value)).Build(),
    ], letters.Length);

    private static Int32Array Numbers(IEnumerable<int?> values) => values.Aggregate(new Int32Array.Builder(), (all, value) => value is { } number ? all.Append(number) : all.AppendNull()).Build();

    private static StringArray Texts(IEnumerable<string?> values) => new StringArray.Builder().AppendRange(values!).Build();

    private static BinaryArray Bytes(IEnumerable<byte[]?> values)
    {
        var builder = new BinaryArray.Builder();
        foreach (var value in values)
        {
            if (value is null) builder.AppendNull();
            else builder.Append(value.AsSpan());
        }

        return builder.Build();
    }
}
