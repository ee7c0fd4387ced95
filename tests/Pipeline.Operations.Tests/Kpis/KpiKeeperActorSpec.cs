using System.Threading.Channels;
using Akka.Actor;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Operations.Kpis;
using Pipeline.Testing;

namespace Pipeline.Operations.Tests.Kpis;

/// <summary>The keeper as a node runs it, over a lake of its own, on days that the test makes pass.</summary>
public sealed class KpiKeeperActorSpec : IDisposable
{
    private static readonly DateTimeOffset Morning = new(2026, 3, 2, 9, 0, 0, TimeSpan.Zero);
    private static readonly TableId Users = TableId.Bronze("app", "users");

    private readonly ScratchDirectory _directory = new("pipeline-kpi-");
    private readonly ActorSystem _system = ActorSystem.Create("kpis", "akka.loglevel = OFF, akka.stdout-loglevel = OFF");
    private readonly HeldClock _time = new(Morning);
    private readonly Channel<KeptKpis> _kept = Channel.CreateUnbounded<KeptKpis>();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _system.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Each_day_is_in_the_table_once_however_often_and_by_however_many_it_is_kept()
    {
        await AppendAsync();
        var (keeper, other) = (Start(), Start());

        // The day is not over.
        await KeepAsync(keeper);
        Assert.Null(await Lake().TryOpenAsync(KpiTable.Id, Cancel));

        _time.SetUtcNow(Morning.AddDays(1));
        await KeepAsync(keeper, other, keeper, other);
        var first = (await Lake().TryOpenAsync(KpiTable.Id, Cancel))!;
        Assert.Equal(["2026-03-02 bronze/app/users"], await DaysAsync(first));
        await KeepAsync(other, keeper);
        Assert.Equal(first.Current.Version, (await Lake().TryOpenAsync(KpiTable.Id, Cancel))!.Current.Version);

        // Nobody ran for a day.
        _time.SetUtcNow(Morning.AddDays(3));
        await KeepAsync(keeper, other);
        Assert.Equal(["2026-03-02 bronze/app/users", "2026-03-03 bronze/app/users", "2026-03-04 bronze/app/users"], await DaysAsync((await Lake().TryOpenAsync(KpiTable.Id, Cancel))!));
    }

    [Fact]
    public async Task One_that_has_failed_keeps_the_day_when_it_tries_again()
    {
        await AppendAsync();
        _time.SetUtcNow(Morning.AddDays(1));
        var isAway = true;
        var keeper = _system.ActorOf(KpiKeeperActor.Props(async cancel =>
        {
            if (isAway) throw new PipelineException(FaultKind.Unreachable, "Lake", "no answer", "Look.");
            var kept = await ComputeKpis.KeepAsync(Lake(), _ => TimeSpan.FromHours(2), _time, cancel);
            await _kept.Writer.WriteAsync(kept, cancel);
            return kept;
        }));

        keeper.Tell(KpiKeeperActor.Keep.Instance);
        await keeper.Ask<ActorIdentity>(new Identify(messageId: null), Deadlines.Test, Cancel);
        isAway = false;
        await KeepAsync(keeper);

        Assert.Equal(["2026-03-02 bronze/app/users"], await DaysAsync((await Lake().TryOpenAsync(KpiTable.Id, Cancel))!));
    }

    [Fact]
    public async Task A_node_keeps_soon_after_its_start_and_every_half_hour_also_after_a_failure()
    {
        using var system = ActorSystem.Create("timed", $"akka.scheduler.implementation = \"{typeof(VirtualScheduler).AssemblyQualifiedName}\", akka.loglevel = OFF, akka.stdout-loglevel = OFF");
        var asked = Channel.CreateUnbounded<int>();
        var times = 0;
        var keeper = system.ActorOf(KpiKeeperActor.Props(cancel =>
        {
            asked.Writer.TryWrite(++times);
            return times == 2 ? Task.FromException<KeptKpis>(new InvalidOperationException("a bug")) : Task.FromResult(new KeptKpis(0, []));
        }));

        await keeper.Ask<ActorIdentity>(new Identify(messageId: null), Timeout.InfiniteTimeSpan, Cancel);
        Assert.Equal(2, await MinutesAsync());
        Assert.True(await MinutesAsync() >= 30);
        Assert.True(await MinutesAsync() >= 30);
        await system.Terminate();

        async Task<int> MinutesAsync()
        {
            for (var minutes = 1; ; minutes++)
            {
                Assert.True(minutes < 100_000, $"It was asked {times} times.");
                ((VirtualScheduler)system.Scheduler).Advance(TimeSpan.FromMinutes(1));
                await keeper.Ask<ActorIdentity>(new Identify(messageId: null), Timeout.InfiniteTimeSpan, Cancel);
                if (asked.Reader.TryRead(out _)) return minutes;
            }
        }
    }

    /// <summary>Who loses a race for a commit pauses, by a clock that goes.</summary>
    private Lake Lake() => new(new LocalObjectStore(_directory.Path), TimeProvider.System);

    private IActorRef Start() => _system.ActorOf(KpiKeeperActor.Props(async cancel =>
    {
        var kept = await ComputeKpis.KeepAsync(Lake(), _ => TimeSpan.FromHours(2), _time, cancel);
        await _kept.Writer.WriteAsync(kept, cancel);
        return kept;
    }));

    private async Task KeepAsync(params IActorRef[] keepers)
    {
        foreach (var keeper in keepers) keeper.Tell(KpiKeeperActor.Keep.Instance);
        foreach (var _ in keepers) await _kept.Reader.ReadAsync(Cancel);
    }

    private static async Task<IEnumerable<string>> DaysAsync(DeltaTable table) =>
        (await KpiTable.ReadAsync(table, DateOnly.MinValue, Cancel)).Select(day => $"{day.Day:yyyy-MM-dd} {day.Table}");

    private async Task AppendAsync()
    {
        var schema = new Schema([new Field("id", Int64Type.Default, nullable: false), BronzeColumns.IngestDateField], null);
        var table = await new Lake(new LocalObjectStore(_directory.Path), _time).OpenOrCreateAsync(Users, schema, [BronzeColumns.IngestDate], new Dictionary<string, string>(StringComparer.Ordinal), Cancel);
        using var rows = new RecordBatch(new Schema([schema.FieldsList[0]], null), [new Int64Array.Builder().Append(1).Build()], 1);
        await using var file = await table.OpenDataFileAsync(rows.Schema, new Dictionary<string, string?>(StringComparer.Ordinal) { [BronzeColumns.IngestDate] = "2026-03-02" }, new DataFileOptions(), Cancel);
        file.Write(rows);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("APPEND", Isolation.BlindAppend) { Adds = [await file.CompleteAsync(Cancel)], Schema = schema }, Cancel));
        // A commit happened when the store received it.
        foreach (var commit in new DirectoryInfo(Path.Combine(_directory, Users.ToString(), "_delta_log")).GetFiles("*.json")) commit.LastWriteTimeUtc = Morning.UtcDateTime;
    }
}
