using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Tests.Storage;

namespace Pipeline.Delta.Tests.Log;

/// <summary>What of the commits that won a race is in a transaction's way. Files are names only.</summary>
public sealed class ConflictSpec
{
    private static readonly Schema WithNote = new([.. TestTables.KeyAndText.FieldsList, new Field("note", StringType.Default, nullable: true)], null);

    private readonly MemoryStore _store = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_append_does_not_mind_rows_that_came_or_went()
    {
        var late = await TestTables.OpenAsync(_store);
        var first = await TestTables.OpenAsync(_store);
        await TestTables.CommittedAsync(first, Append("a"));
        await TestTables.CommittedAsync(first, Delete(first.Current, "a"));

        var committed = await TestTables.CommittedAsync(late, Append("b"));

        Assert.Equal((3L, "b"), (committed.Version, Assert.Single(committed.Files).Path));
    }

    [Fact]
    public async Task A_rearrangement_does_not_mind_rows_that_came()
    {
        var late = await TestTables.OpenAsync(_store);
        await TestTables.CommittedAsync(late, Append("a"));
        var first = await TestTables.OpenAsync(_store);
        await TestTables.CommittedAsync(first, Append("b"));

        var committed = await TestTables.CommittedAsync(late, Rearrange(late.Current, "a", "c"));

        Assert.Equal(["b", "c"], committed.Files.Select(file => file.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_change_of_the_table_yields_to_rows_that_went()
    {
        var late = await TestTables.OpenAsync(_store);
        await TestTables.CommittedAsync(late, Append("a", "b"));
        var first = await TestTables.OpenAsync(_store);
        await TestTables.CommittedAsync(first, Delete(first.Current, "a"));

        var result = await late.CommitAsync(Delete(late.Current, "b"), Cancel);

        Assert.Contains("version 2 removed rows", Assert.IsType<CommitResult.Conflicted>(result).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_change_of_the_table_does_not_mind_a_position_that_moved_nor_rows_that_moved()
    {
        var late = await TestTables.OpenAsync(_store);
        await TestTables.CommittedAsync(late, Append("a", "b"));
        var first = await TestTables.OpenAsync(_store);
        await TestTables.CommittedAsync(first, new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove("s", null, 1)] });
        await TestTables.CommittedAsync(first, Rearrange(first.Current, "a", "c"));

        var committed = await TestTables.CommittedAsync(late, Delete(late.Current, "b"));

        Assert.Equal((4L, "c"), (committed.Version, Assert.Single(committed.Files).Path));
    }

    [Fact]
    public async Task A_file_that_another_has_removed_cannot_be_removed_again()
    {
        var late = await TestTables.OpenAsync(_store);
        await TestTables.CommittedAsync(late, Append("a"));
        var first = await TestTables.OpenAsync(_store);
        await TestTables.CommittedAsync(first, Rearrange(first.Current, "a", "b"));

        var result = await late.CommitAsync(Rearrange(late.Current, "a", "c"), Cancel);

        Assert.Contains("file a was removed", Assert.IsType<CommitResult.Conflicted>(result).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_append_only_table_lets_files_be_put_together_and_no_row_go()
    {
        var table = await TestTables.OpenAsync(_store, configuration: new Dictionary<string, string> { ["delta.appendOnly"] = "true" });
        await TestTables.CommittedAsync(table, Append("a"));

        await TestTables.CommittedAsync(table, Rearrange(table.Current, "a", "b"));
        var error = await Assert.ThrowsAsync<PipelineException>(async () => await table.CommitAsync(Delete(table.Current, "b"), Cancel));

        Assert.Contains("append-only", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_not_known_yet_is_looked_for_before_anything_is_refused()
    {
        var late = await TestTables.OpenAsync(_store);
        var first = await TestTables.OpenAsync(_store);
        await TestTables.CommittedAsync(first, new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove("s", null, 10)] });

        var committed = await TestTables.CommittedAsync(late, new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove("s", 10, 20)] });

        Assert.Equal(20, committed.Position("s"));
    }

    [Fact]
    public async Task An_append_that_says_its_columns_fits_a_table_that_gained_others()
    {
        var late = await TestTables.OpenAsync(_store);
        var first = await TestTables.OpenAsync(_store);
        await TestTables.CommittedAsync(first, Append("a") with { Schema = WithNote });

        var silent = await (await TestTables.OpenAsync(_store)).CommitAsync(Append("b") with { ReadVersion = 0 }, Cancel);
        var committed = await TestTables.CommittedAsync(late, Append("c") with { Schema = TestTables.KeyAndText });

        Assert.Contains("changed the schema", Assert.IsType<CommitResult.Conflicted>(silent).Reason, StringComparison.Ordinal);
        Assert.Equal(2, committed.Version);
    }

    [Fact]
    public async Task A_change_of_the_table_yields_to_columns_that_came_whatever_it_says_of_its_own()
    {
        var late = await TestTables.OpenAsync(_store);
        await TestTables.CommittedAsync(late, Append("a"));
        var first = await TestTables.OpenAsync(_store);
        await TestTables.CommittedAsync(first, new Transaction("WRITE", Isolation.BlindAppend) { Schema = WithNote });

        var result = await late.CommitAsync(Delete(late.Current, "a") with { Schema = TestTables.KeyAndText }, Cancel);

        Assert.Contains("changed the schema", Assert.IsType<CommitResult.Conflicted>(result).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_append_whose_files_lie_in_other_partitions_than_the_table_has_now_is_not_made()
    {
        var late = await TestTables.OpenAsync(_store);
        await WriteAsync(1, late.Current.Metadata with { PartitionColumns = ["text"] });

        var result = await late.CommitAsync(Append("a") with { Schema = TestTables.KeyAndText }, Cancel);

        Assert.Contains("changed the schema", Assert.IsType<CommitResult.Conflicted>(result).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_committed_over_a_change_of_the_protocol()
    {
        var late = await TestTables.OpenAsync(_store);
        await WriteAsync(1, new ProtocolAction(1, 2));

        var result = await late.CommitAsync(Append("a"), Cancel);

        Assert.Contains("changed the protocol", Assert.IsType<CommitResult.Conflicted>(result).Reason, StringComparison.Ordinal);
    }

    /// <summary>A commit of another program.</summary>
    private async Task WriteAsync(long version, params DeltaAction[] actions) =>
        await _store.PutIfAbsentAsync(LogNames.Commit("t", version), ActionWriter.Write(actions), Cancel);

    private static AddFile File(string name, bool dataChange = true) => new(name, TestTables.NoPartitions, Size: 1, DateTimeOffset.UnixEpoch, dataChange, Stats: null);

    private static Transaction Append(params string[] files) => new("WRITE", Isolation.BlindAppend) { Adds = [.. files.Select(file => File(file))] };

    private static Transaction Delete(Snapshot read, string file) => new("DELETE", Isolation.ReadTable)
    {
        ReadVersion = read.Version, Removes = [TestTables.Remove(read.FilesByPath[file])],
    };

    private static Transaction Rearrange(Snapshot read, string from, string to) => new("OPTIMIZE", Isolation.Rearrange)
    {
        ReadVersion = read.Version, Removes = [TestTables.Remove(read.FilesByPath[from], dataChange: false)], Adds = [File(to, dataChange: false)],
    };
}
