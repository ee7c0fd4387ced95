using Pipeline.Delta.Log;

namespace Pipeline.Delta.Tests.Log;

public sealed class CommitSpec : IDisposable
{
    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Appended_rows_are_read_by_another_reader_of_the_table()
    {
        var table = await TestTables.OpenAsync(_scratch.Store());

        await TestTables.AppendAsync(table, 1, 2);
        var snapshot = await TestTables.AppendAsync(table, 3);

        var reopened = await DeltaTable.TryOpenAsync(_scratch.Store(), "t", TimeProvider.System, Cancel);
        Assert.Equal(2, reopened!.Current.Version);
        Assert.Equal([1, 2, 3], DuckDbRows.Keys(reopened, reopened.Current));
        Assert.Equal(3, reopened.Current.RowCount);
        Assert.Equal(snapshot.Files.OrderBy(file => file.Path), reopened.Current.Files.OrderBy(file => file.Path), FilesAreEqual);
    }

    [Fact]
    public async Task A_position_that_moved_meanwhile_refuses_the_commit()
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        var zombie = await TestTables.OpenAsync(_scratch.Store());
        var first = await TestTables.CommittedAsync(table, Append() with { Moves = [new TxnMove("s/0", null, 10)] });

        var refused = await zombie.CommitAsync(Append() with { Moves = [new TxnMove("s/0", null, 7)] }, Cancel);
        var moved = await TestTables.CommittedAsync(zombie, Append() with { Moves = [new TxnMove("s/0", 10, 20)] });

        Assert.Equal(10, first.Position("s/0"));
        var answer = Assert.IsType<CommitResult.Refused>(refused);
        Assert.Equal(("s/0", null, 10L), (answer.AppId, answer.Expected, answer.Actual!.Value));
        Assert.Equal(20, moved.Position("s/0"));
        Assert.Equal(2, moved.Version);
    }

    [Fact]
    public async Task Overwrites_yield_to_rows_added_since_they_read()
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        var read = await TestTables.AppendAsync(table, 1);
        await TestTables.AppendAsync(table, 2);

        var result = await table.CommitAsync(Overwrite(read), Cancel);
        var again = await table.CommitAsync(Overwrite(table.Current), Cancel);

        Assert.Contains("version 2 added rows", Assert.IsType<CommitResult.Conflicted>(result).Reason, StringComparison.Ordinal);
        Assert.Empty(Assert.IsType<CommitResult.Committed>(again).Snapshot.Files);
    }

    [Fact]
    public async Task A_table_with_checkpoints_reads_the_same_as_its_commits()
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        for (var key = 1; key <= 25; key++)
        {
            var file = await TestTables.WriteFileAsync(table, TestTables.Rows(key));
            await TestTables.CommittedAsync(table, Append() with { Adds = [file], Moves = [new TxnMove("s/0", key == 1 ? null : key - 1, key)] });
        }

        await table.PendingCheckpoint;
        foreach (var commit in Directory.GetFiles(Path.Combine(_scratch.Root, "t", "_delta_log"), "*.json").Order(StringComparer.Ordinal).Take(20))
            File.Delete(commit);

        var reopened = await DeltaTable.TryOpenAsync(_scratch.Store(), "t", TimeProvider.System, Cancel);
        Assert.Null(table.CheckpointFailure);
        Assert.Equal(25, reopened!.Current.Version);
        Assert.Equal(25, reopened.Current.Position("s/0"));
        Assert.Equal(Enumerable.Range(1, 25).Select(key => (long)key), DuckDbRows.Keys(reopened, reopened.Current));
        Assert.Equal(table.Current.Files.OrderBy(file => file.Path), reopened.Current.Files.OrderBy(file => file.Path), FilesAreEqual);
    }

    private static Transaction Append() => new("WRITE", Isolation.BlindAppend);

    private static Transaction Overwrite(Snapshot read) => new("WRITE", Isolation.ReadTable)
    {
        ReadVersion = read.Version,
        Removes = [.. read.Files.Select(file => TestTables.Remove(file))],
    };

    private static bool FilesAreEqual(AddFile a, AddFile b) =>
        a.Path == b.Path && a.Size == b.Size && a.Stats == b.Stats && a.ModifiedAt == b.ModifiedAt && a.PartitionValues.SequenceEqual(b.PartitionValues);
}
