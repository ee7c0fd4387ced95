using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Tests.Storage;
using Pipeline.Operations.Control;
using Pipeline.Testing;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Tests.Control;

public sealed class ScheduleWatchSpec : IOrderWork
{
    private static readonly TableId Users = TableId.Silver("users");
    private static readonly DateTimeOffset Noon = new(2026, 3, 2, 12, 0, 0, TimeSpan.Zero);
    private static readonly Wish Hourly = new("a", WishKind.Schedule, ControlTarget.Of(Users), Holds: true, "0 * * * *", "anna", Noon, "hourly");

    private readonly HeldClock _time = new(Noon) { AutoAdvanceAmount = TimeSpan.Zero };
    private readonly Lake _lake;
    private int _triggered;

    public ScheduleWatchSpec() => _lake = new Lake(new MemoryStore(), _time);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Times_that_were_missed_are_made_up_for_once_by_the_log_of_runs_whoever_watches()
    {
        await RunAsync(Noon.AddMinutes(10));
        await FollowAsync(Watch(), Noon.AddMinutes(50));
        Assert.Equal(0, _triggered);

        // Nobody has watched for three hours.
        var watch = Watch();
        await FollowAsync(watch, Noon.AddHours(3).AddMinutes(5));
        await FollowAsync(watch, Noon.AddHours(3).AddMinutes(6));
        Assert.Equal(1, _triggered);
        await RunAsync(Noon.AddHours(3).AddMinutes(7));
        await FollowAsync(Watch(), Noon.AddHours(3).AddMinutes(8));
        Assert.Equal(1, _triggered);

        await FollowAsync(Watch(), Noon.AddHours(4).AddSeconds(1));
        Assert.Equal(2, _triggered);
    }

    [Fact]
    public async Task A_schedule_begins_when_it_was_wished_for_and_other_commits_are_no_runs()
    {
        await FollowAsync(Watch(), Noon.AddMinutes(59));
        Assert.Equal(0, _triggered);

        await RunAsync(Noon.AddMinutes(60), isRun: false);
        await FollowAsync(Watch(), Noon.AddMinutes(61));
        Assert.Equal(1, _triggered);
    }

    public ValueTask TriggerAsync(TableId table, CancellationToken cancellationToken)
    {
        Assert.Equal(Users, table);
        _triggered++;
        return ValueTask.CompletedTask;
    }

    public ValueTask CancelAsync(TableId table, CancellationToken cancellationToken) => throw new InvalidOperationException("Nothing runs.");

    public ValueTask RebuildAsync(TableId table, CancellationToken cancellationToken) => throw new InvalidOperationException("Nothing is rebuilt.");

    public ValueTask BackfillAsync(TableId table, IReadOnlyList<SplitPart> parts, bool isInOrder, CancellationToken cancellationToken) => throw new InvalidOperationException();

    public ValueTask BackfillAsync(TableId table, CancellationToken cancellationToken) => throw new InvalidOperationException();

    public ValueTask AcceptGapAsync(TableId table, OrderAim aim, CancellationToken cancellationToken) => throw new InvalidOperationException("There are no gaps.");

    private ScheduleWatch Watch() => new(_lake, this, _time, (_, failure) => Assert.Fail(failure.Message));

    private async Task FollowAsync(ScheduleWatch watch, DateTimeOffset at)
    {
        _time.SetUtcNow(at);
        await watch.FollowAsync(Hourly, Users, Cancel);
    }

    private async Task RunAsync(DateTimeOffset at, bool isRun = true)
    {
        _time.SetUtcNow(at);
        var table = await _lake.OpenOrCreateAsync(Users, new Schema([new Field("id", Int64Type.Default, nullable: true)], null), [], ImmutableDictionary<string, string>.Empty, Cancel);
        var run = table.Current.Position("run");
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("MERGE", Isolation.BlindAppend)
        {
            Moves = [new TxnMove("run", run, (run ?? 0) + 1)],
            Parameters = isRun ? ImmutableDictionary<string, string>.Empty.Add(JobPins.Parameter, "{}") : ImmutableDictionary<string, string>.Empty,
        }, Cancel));
    }
}
