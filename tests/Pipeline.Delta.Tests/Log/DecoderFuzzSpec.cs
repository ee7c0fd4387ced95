using System.Text;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Schemas;
using Pipeline.Delta.Tests.Storage;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.Log;

/// <summary>Logs, checkpoints, statistics and schemas that were changed by chance: a value or one error, never another, never a loop.</summary>
public sealed class DecoderFuzzSpec
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("""{"commitInfo":{"timestamp":9223372036854775807}}""")]
    [InlineData("""{"add":{"path":"a","size":1,"modificationTime":-9223372036854775808,"dataChange":true}}""")]
    [InlineData("""{"txn":{"appId":"a","version":1,"lastUpdated":253402300800000}}""")]
    public async Task A_moment_beyond_the_calendar_is_its_end_and_later_commits_go_on(string action)
    {
        var store = new MemoryStore();
        var table = await TestTables.OpenAsync(store);
        await store.PutAsync($"t/_delta_log/{1:D20}.json", Encoding.UTF8.GetBytes(action), Cancel);

        var appended = await TestTables.AppendAsync(table, 1);

        Assert.Equal(2, appended.Version);
        Assert.Equal(2, (await DeltaTable.TryOpenAsync(store, "t", TimeProvider.System, Cancel))!.Current.Version);
    }

    [Fact]
    public async Task Commits()
    {
        var (store, table) = await TableAsync();
        var commits = new List<byte[]>();
        for (var version = 0; version <= table.Current.Version; version++) commits.Add((await store.TryGetAsync($"t/_delta_log/{version:D20}.json", Cancel))!);
        var first = commits[0];
        await new Fuzz(commits).RunAsync(input =>
        {
            var actions = ActionReader.Read("Object x", 1, input);
            var builder = new SnapshotBuilder("t");
            builder.ApplyCommit(0, DateTimeOffset.UnixEpoch, ActionReader.Read("Object x", 0, first));
            builder.ApplyCommit(1, DateTimeOffset.UnixEpoch, actions);
            var snapshot = builder.Build();
            _ = snapshot.RowCount;
            TransactionActions.Build("t", new Transaction("WRITE", Isolation.BlindAppend), snapshot, Guid.NewGuid(), DateTimeOffset.UnixEpoch);
            foreach (var file in snapshot.Files) Statistics.Bounds(file.Stats, "key");
        }, IsOfData);
    }

    [Fact]
    public async Task Data_files()
    {
        var (store, table) = await TableAsync();
        var file = table.Current.Files.First();
        await new Fuzz([(await store.TryGetAsync($"t/{file.Path}", Cancel))!]).RunAsync(input =>
        {
            store.PutAsync($"t/{file.Path}", input, Cancel).AsTask().GetAwaiter().GetResult();
            ReadAsync(table, file).GetAwaiter().GetResult();
        }, IsOfData);
    }

    [Fact]
    public Task Schemas() => new Fuzz(
    [
        """{"type":"struct","fields":[{"name":"id","type":"long","nullable":false,"metadata":{"a":{"b":1},"delta.columnMapping.id":3}},{"name":"d","type":"decimal(38,18)","nullable":true,"metadata":{}},{"name":"a","type":{"type":"array","elementType":"string","containsNull":true},"nullable":true,"metadata":{}},{"name":"m","type":{"type":"map","keyType":"string","valueType":{"type":"struct","fields":[{"name":"x","type":"integer","nullable":true,"metadata":{}}]},"valueContainsNull":false},"nullable":true,"metadata":{}}]}""",
    ]).RunAsync(input => SchemaJson.Read("t", Encoding.UTF8.GetString(input)), IsOfData);

    [Fact]
    public Task Statistics_of_files() => new Fuzz(["""{"numRecords":3,"minValues":{"key":1,"text":"a"},"maxValues":{"key":9223372036854775807,"text":"z"},"nullCount":{"key":0,"text":1}}"""])
        .RunAsync(input =>
        {
            var stats = Encoding.UTF8.GetString(input);
            Statistics.RowCount(stats);
            Statistics.Bounds(stats, "key");
            Statistics.MayHaveValue(stats, "text", areAllCounted: true);
        }, _ => false);

    [Fact]
    public async Task Hints()
    {
        var store = new MemoryStore();
        var table = await TestTables.OpenAsync(store);
        await TestTables.AppendAsync(table, 1);
        await new Fuzz(["""{"version":1,"size":13,"sizeInBytes":4000,"numOfAddFiles":10}"""]).RunAsync(input =>
        {
            store.PutAsync("t/_delta_log/_last_checkpoint", input, Cancel).AsTask().GetAwaiter().GetResult();
            Assert.Equal(1, DeltaTable.TryOpenAsync(store, "t", TimeProvider.System, Cancel).AsTask().GetAwaiter().GetResult()!.Current.Version);
        }, _ => false);
    }

    internal static bool IsOfData(Exception e) => e is PipelineException { Kind: FaultKind.Damaged or FaultKind.Invalid or FaultKind.Missing };

    private static async Task ReadAsync(DeltaTable table, AddFile file)
    {
        await foreach (var batch in TableReader.ReadAsync(table, table.Current, [file], new ReadOptions(), CancellationToken.None)) batch.Dispose();
    }

    internal static async Task<(MemoryStore Store, DeltaTable Table)> TableAsync()
    {
        var store = new MemoryStore();
        var table = await TestTables.OpenAsync(store);
        for (var key = 1; key <= 12; key++)
        {
            await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend)
            {
                Adds = [await TestTables.WriteFileAsync(table, TestTables.Rows(key))], Moves = [new TxnMove("s/0", key == 1 ? null : key - 1, key)],
            });
        }

        await table.PendingCheckpoint;
        return (store, table);
    }
}
