using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>A small lake.</summary>
/// <param name="store">Where it is, disposed of with it; null: in a directory of its own.</param>
internal sealed class LakeFixture(IObjectStore? store = null) : IDisposable
{
    private static readonly Schema People = new([new Field("id", Int64Type.Default, nullable: false), new Field("name", StringType.Default, nullable: true)], null);
    private static readonly Schema Records = new(
    [
        new Field("_partition", Int32Type.Default, nullable: false).As(BronzeRole.Identifies | BronzeRole.Orders | BronzeRole.Split),
        new Field("_offset", Int64Type.Default, nullable: false).As(BronzeRole.Orders | BronzeRole.Number), BronzeColumns.PositionField,
    ], null);

    private static readonly Schema Letters = new([.. DeadLetterColumns.SourceSchema.FieldsList, BronzeColumns.IngestedAtField], null);

    private static readonly Schema Waiting = new(
    [
        new Field("id", StringType.Default, nullable: true), new Field("_rules", StringType.Default, nullable: true), new Field("_held", BooleanType.Default, nullable: true),
        new Field("_quarantined_at", BronzeColumns.Timestamp, nullable: true),
    ], null);

    private readonly ScratchDirectory _directory = new("pipeline-lake-");

    public string Directory => _directory;

    /// <summary>A Monday noon that stands still.</summary>
    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 3, 2, 12, 0, 0, TimeSpan.Zero));

    public Lake Lake => new(store ?? new LocalObjectStore(Directory), Time);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Adds a commit with rows <c>(1, name1), (2, name2), …</c>; makes the table when there is none.</summary>
    public async Task AppendAsync(TableId id, params string?[] names)
    {
        using var rows = new RecordBatch(People,
        [
            new Int64Array.Builder().AppendRange(Enumerable.Range(1, names.Length).Select(i => (long)i)).Build(),
            new StringArray.Builder().AppendRange(names).Build(),
        ], names.Length);
        await CommitAsync(id, rows, []);
    }

    /// <summary>Adds a row to a quarantine: of key 1, which breaks the rule <c>named</c>.</summary>
    public async Task AppendWaitingAsync(TableId id)
    {
        using var rows = new RecordBatch(Waiting,
        [
            new StringArray.Builder().Append("1").Build(), new StringArray.Builder().Append("named").Build(), new BooleanArray.Builder().Append(false).Build(),
            new TimestampArray.Builder((TimestampType)BronzeColumns.Timestamp).Append(Time.GetUtcNow()).Build(),
        ], 1);
        await CommitAsync(id, rows, []);
    }

    /// <summary>Adds Kafka records at <paramref name="offsets"/> of partition 0 and takes its position from one place to another.</summary>
    public async Task AppendRecordsAsync(TableId id, long? from, long to, params long[] offsets)
    {
        using var rows = new RecordBatch(Records,
        [
            new Int32Array.Builder().AppendRange(offsets.Select(_ => 0)).Build(),
            new Int64Array.Builder().AppendRange(offsets).Build(),
            new Int64Array.Builder().AppendRange(offsets).Build(),
        ], offsets.Length);
        await CommitAsync(id, rows, [new TxnMove($"{id.Source}/{id.Name}/0", from, to)]);
    }

    /// <summary>Adds re-driven records at <paramref name="offsets"/> of partition 0 as the redrive of this number; none: without a number.</summary>
    public async Task RedriveAsync(TableId id, long? number, params long[] offsets)
    {
        var split = $"{id.Source}/{id.Name}/0";
        using var rows = new RecordBatch(new Schema([.. Records.FieldsList, BronzeColumns.RedrivenFromField], null),
        [
            new Int32Array.Builder().AppendRange(offsets.Select(_ => 0)).Build(),
            new Int64Array.Builder().AppendRange(offsets).Build(),
            new Int64Array.Builder().AppendRange(offsets).Build(),
            new StringArray.Builder().AppendRange(offsets.Select(_ => split)).Build(),
        ], offsets.Length);
        await CommitAsync(id, rows, number is { } n ? [new TxnMove("redrive", n > 1 ? n - 1 : null, n)] : []);
    }

    /// <summary>Adds dead letters of a Kafka table at <paramref name="offsets"/> of its partition 0.</summary>
    public async Task AppendLettersAsync(TableId of, long? from, long to, params long[] offsets)
    {
        var split = $"{of.Source}/{of.Name}/0";
        using var rows = new RecordBatch(Letters,
        [
            new StringArray.Builder().AppendRange(offsets.Select(_ => of.Name)).Build(),
            new StringArray.Builder().AppendRange(offsets.Select(_ => split)).Build(),
            new Int64Array.Builder().AppendRange(offsets).Build(),
            new StringArray.Builder().AppendRange(offsets.Select(_ => "too_large")).Build(),
            new StringArray.Builder().AppendRange(offsets.Select(_ => "it is too large")).Build(),
            NoBytes(offsets.Length),
            NoBytes(offsets.Length),
            new StringArray.Builder().AppendRange(offsets.Select(_ => (string?)null)).Build(),
            Times(offsets.Length, null),
            Times(offsets.Length, Time.GetUtcNow()),
        ], offsets.Length);
        await CommitAsync(TableId.DeadLetter(of.Source!), rows, [new TxnMove(split, from, to)]);
    }

    /// <summary>Says in a Silver table's log which version of its Bronze table it has taken in.</summary>
    public async Task TakeInAsync(TableId silver, TableId bronze, long? from, long to)
    {
        var table = await Lake.OpenOrCreateAsync(silver, People, [], new Dictionary<string, string>(StringComparer.Ordinal), Cancellation);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("MERGE", Isolation.ReadTable) { Moves = [new TxnMove(bronze.ToString(), from, to)] }, Cancellation));
    }

    /// <summary>Says in a table's log that it has a run.</summary>
    public async Task RunAsync(TableId id, long? before, long run)
    {
        var table = await Lake.OpenOrCreateAsync(id, People, [], new Dictionary<string, string>(StringComparer.Ordinal), Cancellation);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("MERGE", Isolation.ReadTable) { Moves = [new TxnMove("run", before, run)] }, Cancellation));
    }

    /// <summary>A commit of a run, by its pins as its log has them.</summary>
    public async Task CommitAsync(TableId id, string pins)
    {
        var table = await Lake.OpenOrCreateAsync(id, People, [], new Dictionary<string, string>(StringComparer.Ordinal), Cancellation);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("MERGE", Isolation.ReadTable) { Parameters = ImmutableDictionary<string, string>.Empty.Add("job", pins) }, Cancellation));
    }

    /// <summary>A commit of a run with what it has measured.</summary>
    public async Task CommitRunAsync(TableId id, string metric, string value)
    {
        var table = await Lake.OpenOrCreateAsync(id, People, [], new Dictionary<string, string>(StringComparer.Ordinal), Cancellation);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("MERGE", Isolation.ReadTable) { Metrics = ImmutableDictionary<string, string>.Empty.Add(metric, value), Moves = [new TxnMove("run", null, 1)] }, Cancellation));
    }

    /// <summary>The data files of a table, in the order in which they were written.</summary>
    public IEnumerable<FileInfo> DataFiles(TableId id) =>
        new DirectoryInfo(Path.Combine(Directory, id.ToString())).EnumerateFiles("*.parquet", SearchOption.AllDirectories).OrderBy(file => file.LastWriteTimeUtc);

    public void Dispose()
    {
        (store as IDisposable)?.Dispose();
        _directory.Dispose();
    }

    private static BinaryArray NoBytes(int rows)
    {
        var builder = new BinaryArray.Builder();
        for (var i = 0; i < rows; i++) builder.AppendNull();
        return builder.Build();
    }

    private static TimestampArray Times(int rows, DateTimeOffset? time)
    {
        var builder = new TimestampArray.Builder(BronzeColumns.Timestamp);
        for (var i = 0; i < rows; i++) _ = time is { } known ? builder.Append(known) : builder.AppendNull();
        return builder.Build();
    }

    private async Task CommitAsync(TableId id, RecordBatch rows, IEnumerable<TxnMove> moves)
    {
        var isBronze = id.Layer == Layer.Bronze;
        var schema = isBronze ? new Schema([.. rows.Schema.FieldsList, BronzeColumns.IngestDateField], null) : rows.Schema;
        var table = await Lake.OpenOrCreateAsync(id, schema, isBronze ? [BronzeColumns.IngestDate] : [], new Dictionary<string, string>(StringComparer.Ordinal), Cancellation);
        var partition = isBronze ? new Dictionary<string, string?>(StringComparer.Ordinal) { [BronzeColumns.IngestDate] = "2026-03-02" } : [];
        await using var file = await table.OpenDataFileAsync(rows.Schema, partition, new DataFileOptions(), Cancellation);
        file.Write(rows);
        var result = await table.CommitAsync(new Transaction("APPEND", Isolation.BlindAppend) { Adds = [await file.CompleteAsync(Cancellation)], Moves = [.. moves], Schema = schema }, Cancellation);
        Assert.IsType<CommitResult.Committed>(result);
    }
}
