using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Storage;

namespace Pipeline.Delta.Tests.Log;

/// <summary>
/// Writers and readers that slept longer than the log is kept: the numbers behind their version are free again, and what is
/// put there is read by nobody.
/// </summary>
public sealed class SleepingWriterSpec : IDisposable
{
    private const int Commits = 25;

    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_version_number_long_gone_is_taken(bool isOnDisk)
    {
        IObjectStore store = isOnDisk ? _scratch.Store() : new MemoryStore();
        await SleepAndCommitAsync(store, store);
    }

    /// <summary>Used for buckets too.</summary>
    internal static async Task SleepAndCommitAsync(IObjectStore store, IObjectStore sleepersStore)
    {
        var sleeper = await TestTables.OpenAsync(sleepersStore);
        var reader = await TestTables.OpenAsync(sleepersStore);
        await SleepAsync(store);

        var refused = await sleeper.CommitAsync(Move(null, 7), Cancel);
        var appended = await TestTables.AppendAsync(sleeper, 1_000);
        var read = await reader.RefreshAsync(Cancel);

        Assert.Equal(Commits, Assert.IsType<CommitResult.Refused>(refused).Actual);
        Assert.Equal((Commits + 1L, Commits + 1L), (appended.Version, read.Version));
        Assert.Equal(appended.Version, (await DeltaTable.TryOpenAsync(store, "t", TimeProvider.System, Cancel))!.Current.Version);
        Assert.Null(await store.TryGetAsync(LogName(1), Cancel));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_clean_up_between_looking_and_writing_is_noticed(bool hasLanded)
    {
        var memory = new MemoryStore();
        var store = new SleepsAtItsWrite(memory, hasLanded);
        var sleeper = await TestTables.OpenAsync(store);
        store.Sleep = () => SleepAsync(memory);
        var file = await TestTables.WriteFileAsync(sleeper, TestTables.Rows(1_000));

        var commit = async () => await sleeper.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [file] }, Cancel);

        if (hasLanded) Assert.Equal(Commits + 1, Assert.IsType<CommitResult.Committed>(await commit()).Snapshot.Version);
        else Assert.Equal(FaultKind.Unreachable, (await Assert.ThrowsAsync<PipelineException>(commit)).Kind);
        var table = await DeltaTable.TryOpenAsync(memory, "t", TimeProvider.System, Cancel);
        Assert.Equal(hasLanded, table!.Current.FilesByPath.ContainsKey(file.Path));
        Assert.Equal(table.Current.Version, sleeper.Current.Version);
    }

    [Fact]
    public async Task A_write_that_landed_before_a_clean_up_counts_though_one_of_its_files_was_removed_since()
    {
        var memory = new MemoryStore();
        var store = new SleepsAtItsWrite(memory, lands: true);
        var sleeper = await TestTables.OpenAsync(store);
        var (left, removed) = (await TestTables.WriteFileAsync(sleeper, TestTables.Rows(1_000)), await TestTables.WriteFileAsync(sleeper, TestTables.Rows(1_001)));
        store.Sleep = async () =>
        {
            var remover = await TestTables.OpenAsync(memory);
            await TestTables.CommittedAsync(remover, new Transaction("DELETE", Isolation.ReadTable) { ReadVersion = remover.Current.Version, Removes = [TestTables.Remove(removed)] });
            await SleepAsync(memory);
        };

        var result = await sleeper.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [left, removed] }, Cancel);

        Assert.Equal(Commits + 2, Assert.IsType<CommitResult.Committed>(result).Snapshot.Version);
    }

    [Fact]
    public async Task One_that_has_read_a_version_long_gone_meets_a_conflict()
    {
        var store = new MemoryStore();
        var sleeper = await TestTables.OpenAsync(store);
        await SleepAsync(store);

        var result = await sleeper.CommitAsync(new Transaction("DELETE", Isolation.ReadTable) { ReadVersion = 0 }, Cancel);

        Assert.Contains("not in the table's log any more", Assert.IsType<CommitResult.Conflicted>(result).Reason, StringComparison.Ordinal);
    }

    /// <summary>Others commit, and what a checkpoint replaces goes, the oldest first.</summary>
    private static async Task SleepAsync(IObjectStore store)
    {
        var others = await TestTables.OpenAsync(store);
        for (var i = 0; i < Commits; i++)
        {
            await TestTables.CommittedAsync(others, Move(others.Current.Position("s/0"), others.Current.Version + 1) with
            {
                Adds = [await TestTables.WriteFileAsync(others, TestTables.Rows(i))],
            });
        }

        await others.PendingCheckpoint;
        for (var version = 0; version < 20; version++) await store.DeleteAsync(LogName(version), Cancel);
    }

    private static Transaction Move(long? from, long to) => new("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove("s/0", from, to)] };

    private static string LogName(long version) => $"t/_delta_log/{version:D20}.json";

    private sealed class SleepsAtItsWrite(IObjectStore inner, bool lands) : StoreDecorator(inner)
    {
        public Func<Task>? Sleep { get; set; }

        public override async ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            if (Sleep is not { } sleep) return await Inner.PutIfAbsentAsync(path, content, cancellationToken);
            Sleep = null;
            if (lands) await Inner.PutIfAbsentAsync(path, content, cancellationToken);
            await sleep();
            return lands ? PutOutcome.Created : await Inner.PutIfAbsentAsync(path, content, cancellationToken);
        }
    }
}
