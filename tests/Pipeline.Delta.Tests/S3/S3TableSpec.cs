using Pipeline.Delta.Log;
using Pipeline.Delta.Tests.Log;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.S3;

/// <summary>Tables in a bucket: the same promises as on a disk.</summary>
public sealed class S3TableSpec(S3StandIn s3)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rows_and_checkpoints_are_read_by_another_reader_of_the_table()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        var table = await TestTables.OpenAsync(bucket.Store);
        for (var key = 0; key < 25; key++) await TestTables.AppendAsync(table, key);
        await table.PendingCheckpoint;

        var reopened = await DeltaTable.TryOpenAsync(bucket.Open(), "t", TimeProvider.System, Cancel);

        Assert.Null(table.CheckpointFailure);
        Assert.Equal(25, reopened!.Current.Version);
        Assert.NotNull(await bucket.Store.TryGetAsync("t/_delta_log/_last_checkpoint", Cancel));
        Assert.Equal(Enumerable.Range(0, 25).Select(key => (long)key), await S3Tables.KeysAsync(bucket.Store, reopened));
    }

    public static TheoryData<ProxyFault> LostAnswers => new()
    {
        new ProxyFault.DropAfterActing(),
        new ProxyFault.AnswerAfterActing(503, "SlowDown"),
        new ProxyFault.AnswerAfterActing(412, "PreconditionFailed"),
    };

    [Theory]
    [MemberData(nameof(LostAnswers))]
    public async Task A_commit_whose_answer_was_lost_is_made_once(ProxyFault fault)
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        var table = await TestTables.OpenAsync(bucket.Store);
        bucket.Proxy.Inject(fault, request => request.IsConditional);

        var snapshot = await TestTables.AppendAsync(table, 1);

        Assert.Single(bucket.Proxy.Injected);
        Assert.Equal(1, snapshot.Version);
        var reopened = await DeltaTable.TryOpenAsync(bucket.Open(), "t", TimeProvider.System, Cancel);
        Assert.Equal(1, reopened!.Current.Version);
        Assert.Equal([1L], await S3Tables.KeysAsync(bucket.Store, reopened));
    }

    [Fact]
    public async Task A_writer_that_slept_longer_than_the_log_is_kept_does_not_write_where_nobody_reads()
    {
        await using var bucket = await s3.BucketAsync(Cancel);

        await SleepingWriterSpec.SleepAndCommitAsync(bucket.Store, bucket.Open());
    }

    [Fact]
    public async Task A_position_that_another_writer_moved_meanwhile_is_refused()
    {
        await using var bucket = await s3.BucketAsync(Cancel);
        var table = await TestTables.OpenAsync(bucket.Store);
        var zombie = await TestTables.OpenAsync(bucket.Open());
        await TestTables.CommittedAsync(table, Step("s/0", 0));

        var refused = await zombie.CommitAsync(Step("s/0", 0), Cancel);

        Assert.Equal(1, Assert.IsType<CommitResult.Refused>(refused).Actual);
    }

    [Fact]
    public async Task Eight_writers_make_every_version_and_every_row_once_while_a_third_of_the_requests_fails()
    {
        const int writers = 8, commits = 3;
        await using var bucket = await s3.BucketAsync(Cancel);
        await TestTables.OpenAsync(bucket.Store);
        S3ObjectStoreSpec.FailAtRandom(bucket.Proxy, seed: 3);

        await Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
        {
            var table = await TestTables.OpenAsync(bucket.Open());
            for (var i = 0; i < commits; i++)
            {
                var file = await TestTables.WriteFileAsync(table, TestTables.Rows(writer * commits + i));
                await TestTables.CommittedAsync(table, Step($"writer/{writer}", i) with { Adds = [file] });
            }
        }, Cancel)));

        bucket.Proxy.Use(_ => null);
        await S3Tables.AssertEveryCommitOnceAsync(bucket.Store, writers, commits);
    }

    private static Transaction Step(string appId, int from) =>
        new("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(appId, from == 0 ? null : from, from + 1)] };
}
