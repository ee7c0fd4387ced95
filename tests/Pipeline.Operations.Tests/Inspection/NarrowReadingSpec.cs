using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Operations.DeadLetters;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Quarantines;
using Pipeline.Operations.Verification;
using Pipeline.Testing;

namespace Pipeline.Operations.Tests.Inspection;

/// <summary>What is asked of dead letters, re-driven rows and quarantines in a bucket fetches no value of a record that nobody wants to see.</summary>
public sealed class NarrowReadingSpec : IDisposable
{
    private const int Rows = 6_000;

    private static readonly TableId Events = TableId.Bronze("events", "user_events");
    private static readonly TableId Letters = TableId.DeadLetter("events");
    private static readonly TableId Users = TableId.Silver("users");

    private readonly ScratchDirectory _directory = new("narrow-reading-");
    private readonly FarStore _store;
    private readonly Lake _lake;

    public NarrowReadingSpec()
    {
        _store = new FarStore(new LocalObjectStore(_directory));
        _lake = new Lake(_store, TimeProvider.System);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Dead_letters_are_counted_without_the_records_and_without_those_of_the_tables_that_they_were_re_driven_into()
    {
        var size = await LettersAsync() + await RedrivenAsync();
        var before = _store.Ranged;

        var listed = await ListDeadLetters.RunAsync(new ListDeadLettersRequest("events", Table: null), _lake, Cancel);

        Assert.Empty(listed.Failed);
        var count = Assert.Single(listed.Counts);
        Assert.Equal((Events, "undecodable", Rows, Rows / 2), (count.Table, count.Code, (int)count.Letters, (int?)count.Redriven ?? 0));
        Assert.InRange(_store.Ranged - before, 1, size / 3);
    }

    [Fact]
    public async Task Whether_re_driven_rows_are_there_once_is_verified_without_the_records()
    {
        var size = await LettersAsync() + await RedrivenAsync();
        var table = (await _lake.TryOpenAsync(Events, Cancel))!;
        using var query = new LakeQuery(Cancel);
        var before = _store.Ranged;

        var check = Assert.Single(await new BronzeVerifier(_lake, query).CheckRedrivenAsync(Events, table, table.Current, Cancel));

        Assert.Equal(new RedrivenAreThereOnce(Rows / 2), check.Found);
        Assert.InRange(_store.Ranged - before, 1, size / 3);
    }

    [Fact]
    public async Task A_quarantine_is_counted_without_what_was_received_and_without_the_columns_of_its_table()
    {
        var size = await TableAsync(Users, Numbers("user_id"), Numbers("_position"), Texts("name"))
            + await TableAsync(TableId.Quarantine("users"), (new Field("user_id", StringType.Default, nullable: true), Strings(row => $"{row}")), (new Field("_rules", StringType.Default, nullable: false), Strings(_ => "known,fresh")),
                (new Field("_held", BooleanType.Default, nullable: false), new BooleanArray.Builder().AppendRange(Enumerable.Repeat(true, Rows)).Build()), Times("_quarantined_at"), Texts("_row"));
        var before = _store.Ranged;

        var listed = await ListQuarantine.RunAsync(new ListQuarantineRequest(Users), _lake, Cancel);

        Assert.Empty(listed.Failed);
        Assert.Equal([("fresh", Rows, Rows, Rows), ("known", Rows, Rows, Rows)], listed.Counts.Select(count => (count.Rule, (int)count.Rows, (int)count.Waiting, (int)count.Newer)));
        Assert.InRange(_store.Ranged - before, 1, size / 3);
    }

    private Task<long> LettersAsync() => TableAsync(Letters, (new Field("_table", StringType.Default, nullable: false), Strings(_ => Events.Name)), (new Field("_split", StringType.Default, nullable: false), Strings(_ => "events/0")),
        Numbers("_position"), (new Field("code", StringType.Default, nullable: false), Strings(_ => "undecodable")), Times("_ingested_at"), Texts("value"));

    /// <summary>The first half of the letters.</summary>
    private Task<long> RedrivenAsync() => TableAsync(Events, (BronzeColumns.RedrivenFromField, Strings(row => row < Rows / 2 ? "events/0" : null)), Numbers("_position"), Texts("value"));

    /// <returns>The bytes of its one file.</returns>
    private async Task<long> TableAsync(TableId id, params (Field Field, IArrowArray Values)[] columns)
    {
        var schema = new Schema(columns.Select(column => column.Field), null);
        var table = await DeltaTable.OpenOrCreateAsync(_store, id.ToString(), schema, [], ImmutableDictionary<string, string>.Empty, TimeProvider.System, Cancel);
        await using var writer = await table.OpenDataFileAsync(schema, ImmutableDictionary<string, string?>.Empty, new DataFileOptions(), Cancel);
        using var batch = new RecordBatch(schema, columns.Select(column => column.Values), Rows);
        writer.Write(batch);
        var added = await writer.CompleteAsync(Cancel);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [added] }, Cancel));
        return added.Size;
    }

    private static StringArray Strings(Func<int, string?> value) => new StringArray.Builder().AppendRange(Enumerable.Range(0, Rows).Select(value)!).Build();

    private static (Field, IArrowArray) Numbers(string name) => (new Field(name, Int64Type.Default, nullable: false), new Int64Array.Builder().AppendRange(Enumerable.Range(0, Rows).Select(row => (long)row)).Build());

    private static (Field, IArrowArray) Times(string name) =>
        (new Field(name, BronzeColumns.Timestamp, nullable: false), new TimestampArray.Builder(BronzeColumns.Timestamp).AppendRange(Enumerable.Repeat(DateTimeOffset.UnixEpoch, Rows)).Build());

    /// <summary>What no compression makes small.</summary>
    private static (Field, IArrowArray) Texts(string name)
    {
        var random = new Random(3);
        return (new Field(name, StringType.Default, nullable: true), Strings(_ =>
        {
            var bytes = new byte[90];
            random.NextBytes(bytes);
            return Convert.ToBase64String(bytes);
        }));
    }
}
