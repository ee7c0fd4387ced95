using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Storage;

namespace Pipeline.Delta.Tests.Log;

/// <summary>A commit whose answer was lost is found by its id, and never made twice.</summary>
public sealed class AmbiguitySpec
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("landed, answer lost")]
    [InlineData("landed, connection broken")]
    [InlineData("lost on the way")]
    [InlineData("arrives during the second attempt")]
    public async Task Our_own_commit_is_recognised(string what)
    {
        var memory = new MemoryStore();
        var store = new ScriptedStore(memory);
        var table = await TestTables.OpenAsync(store);
        store.Answers.Enqueue(what);

        var snapshot = await TestTables.CommittedAsync(table, Move(null, 5));

        Assert.Equal((1L, 5L), (snapshot.Version, snapshot.Position("s/0")));
        var reopened = await DeltaTable.TryOpenAsync(memory, "t", TimeProvider.System, Cancel);
        Assert.Equal(1, reopened!.Current.Version);
    }

    [Fact]
    public async Task A_race_lost_under_an_ambiguous_answer_is_lost()
    {
        var memory = new MemoryStore();
        var store = new ScriptedStore(memory);
        var table = await TestTables.OpenAsync(store);
        var other = await TestTables.OpenAsync(memory);
        await TestTables.CommittedAsync(other, Move(null, 3));
        store.Answers.Enqueue("lost on the way");

        var result = await table.CommitAsync(Move(null, 5), Cancel);

        var refused = Assert.IsType<CommitResult.Refused>(result);
        Assert.Equal((null, 3L), (refused.Expected, refused.Actual!.Value));
        Assert.Equal(1, refused.Snapshot.Version);
    }

    [Fact]
    public async Task A_store_that_answers_no_write_ends_the_commit_after_a_handful_of_writes()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var store = new ScriptedStore(new MemoryStore());
        var table = await TestTables.OpenAsync(store, time: time);
        store.Always = "lost on the way";

        var error = await Assert.ThrowsAsync<PipelineException>(() => Passing(time, table.CommitAsync(Move(null, 5), Cancel)));

        Assert.Equal(FaultKind.Unreachable, error.Kind);
        Assert.Contains("the store answers no write", error.Message, StringComparison.Ordinal);
        Assert.InRange(store.Writes, 1, 8);
    }

    [Fact]
    public async Task A_store_that_is_away_fails_a_commit_at_once_and_is_asked_a_handful_of_times()
    {
        var store = new ScriptedStore(new MemoryStore());
        var table = await TestTables.OpenAsync(store);
        store.IsAway = true;

        var error = await Assert.ThrowsAsync<PipelineException>(async () => await table.CommitAsync(Move(null, 5), Cancel));

        Assert.Equal(FaultKind.Unreachable, error.Kind);
        // Where the table stands is looked at before anything is written.
        Assert.Equal((0, 1), (store.Writes, store.Reads));
    }

    private static async Task<CommitResult> Passing(FakeTimeProvider time, ValueTask<CommitResult> commit)
    {
        var committing = commit.AsTask();
        while (!committing.IsCompleted)
        {
            time.Advance(TimeSpan.FromMilliseconds(20));
            await Task.Yield();
        }

        return await committing;
    }

    [Fact]
    public async Task A_write_that_is_not_allowed_is_no_lost_answer()
    {
        var store = new ScriptedStore(new MemoryStore());
        var table = await TestTables.OpenAsync(store);
        store.Always = "not allowed";

        var error = await Assert.ThrowsAsync<PipelineException>(async () => await table.CommitAsync(Move(null, 5), Cancel));

        Assert.Equal(FaultKind.NotAuthorised, error.Kind);
    }

    private static Transaction Move(long? from, long to) => new("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove("s/0", from, to)] };

    private sealed class ScriptedStore(IObjectStore inner) : StoreDecorator(inner)
    {
        private ReadOnlyMemory<byte>? _underway;

        public Queue<string> Answers { get; } = new();

        public string? Always { get; set; }

        public bool IsAway { get; set; }

        /// <summary>While it is away or answers none.</summary>
        public int Writes { get; private set; }

        /// <summary>While it is away.</summary>
        public int Reads { get; private set; }

        public override async ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken)
        {
            if (IsAway) Reads++;
            return IsAway ? throw Away(path) : await Inner.TryGetAsync(path, cancellationToken);
        }

        public override async ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            if (IsAway || Always is not null) Writes++;
            if (IsAway) throw Away(path);
            if (_underway is { } earlier)
            {
                _underway = null;
                await Inner.PutIfAbsentAsync(path, earlier, cancellationToken);
            }

            switch (Always ?? (Answers.TryDequeue(out var answer) ? answer : null))
            {
                case "landed, answer lost":
                    await Inner.PutIfAbsentAsync(path, content, cancellationToken);
                    return PutOutcome.Ambiguous;
                case "landed, connection broken":
                    await Inner.PutIfAbsentAsync(path, content, cancellationToken);
                    throw new PipelineException(FaultKind.Unreachable, path, "the connection broke", "Try again.");
                case "not allowed":
                    throw new PipelineException(FaultKind.NotAuthorised, path, "access is denied", "Grant it.");
                case "lost on the way":
                    return PutOutcome.Ambiguous;
                case "arrives during the second attempt":
                    _underway = content.ToArray();
                    return PutOutcome.Ambiguous;
                default:
                    return await Inner.PutIfAbsentAsync(path, content, cancellationToken);
            }
        }

        private static PipelineException Away(string path) => new(FaultKind.Unreachable, path, "connection refused", "Check the store.");
    }
}
