using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Tests.Log;

/// <summary>The log under an open table is gone, or is another history of the same name.</summary>
public sealed class RemovedWhileOpenSpec : IDisposable
{
    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task A_table_that_is_removed_takes_no_commit()
    {
        var table = await FilledAsync(3);
        var file = await TestTables.WriteFileAsync(table, TestTables.Rows(9));
        Aside();

        var read = await Assert.ThrowsAsync<PipelineException>(async () => await table.RefreshAsync(Cancel));
        var written = await Assert.ThrowsAsync<PipelineException>(async () => await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [file] }, Cancel));

        Assert.All([read, written], fault => Assert.Equal((FaultKind.Missing, "its log is gone"), (fault.Kind, fault.Cause)));
        Assert.False(Directory.Exists(Path.Combine(_scratch.Root, "t", "_delta_log")));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    public async Task A_table_that_is_made_anew_is_seen_as_it_is(int commits)
    {
        var table = await FilledAsync(3);
        Aside();
        var other = await FilledAsync(commits);

        var seen = await table.RefreshAsync(Cancel);

        Assert.Equal((other.Current.Version, other.Current.Metadata.Id), (seen.Version, seen.Metadata.Id));
        Assert.Equal(other.Current.FilesByPath.Keys.Order(StringComparer.Ordinal), seen.FilesByPath.Keys.Order(StringComparer.Ordinal));
        Assert.Same(seen, table.Current);
    }

    [Fact]
    public async Task A_commit_is_looked_at_by_the_history_that_is_there()
    {
        var table = await FilledAsync(3);
        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove("split", null, 10)] });
        Aside();
        var other = await FilledAsync(4);
        var file = await TestTables.WriteFileAsync(table, TestTables.Rows(9));

        var result = await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [file], Moves = [new TxnMove("split", 10, 20)] }, Cancel);

        Assert.Equal(("split", 10L, null), Assert.IsType<CommitResult.Refused>(result) is var refused ? (refused.AppId, refused.Expected!.Value, refused.Actual) : default);
        Assert.Equal(4, (await other.RefreshAsync(Cancel)).Version);
    }

    [Fact]
    public async Task A_commit_that_was_computed_from_the_rows_of_before_is_refused_however_alike_the_history_is_that_is_there()
    {
        var table = await FilledAsync(3);
        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove("run", null, 1)] });
        var read = table.Current;
        Aside();
        var other = await FilledAsync(3);
        await TestTables.CommittedAsync(other, new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove("run", null, 1)] });
        Assert.Equal(read.Version, other.Current.Version);
        var file = await TestTables.WriteFileAsync(table, TestTables.Rows(9));

        var result = await table.CommitAsync(new Transaction("MERGE", Isolation.ReadTable) { ReadVersion = read.Version, Adds = [file], Moves = [new TxnMove("run", 1, 2)] }, Cancel);

        Assert.Equal("the table was made anew", Assert.IsType<CommitResult.Conflicted>(result).Reason);
        Assert.Equal(read.Version, (await other.RefreshAsync(Cancel)).Version);
    }

    private async Task<DeltaTable> FilledAsync(int commits)
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        for (var i = 0; i < commits; i++) await TestTables.AppendAsync(table, i);
        return table;
    }

    private void Aside() => Directory.Move(Path.Combine(_scratch.Root, "t"), Path.Combine(_scratch.Root, $"aside-{Guid.NewGuid():N}"));
}
