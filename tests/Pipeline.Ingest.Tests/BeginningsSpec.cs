using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Ingest.Worker;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>Where splits begin is in the table's log before anything is read.</summary>
public sealed class BeginningsSpec : IDisposable
{
    private static readonly SplitId Slot = new("app", "slot"), Other = new("app", "other");
    private static readonly Schema Columns = new([new Field("id", Int64Type.Default, nullable: false), BronzeColumns.OpField, BronzeColumns.PositionField], null);

    private readonly ScratchDirectory _directory = new("beginnings-");
    private readonly WithoutPauses _time = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_beginning_is_recorded_once_and_says_what_it_is()
    {
        var table = await OpenAsync();

        await RecordAsync(table, new Split(Slot, ["orders", "users"], Beginning: 7));
        await RecordAsync(table, new Split(Slot, ["users"], Beginning: 9));

        var (version, info) = await table.Delta.HistoryAsync(Cancel).FirstAsync(Cancel);
        Assert.Equal((1, Beginnings.Operation), (version, info!.Operation));
        Assert.Equal(0, _time.Pauses);
        Assert.Equal(("app/slot", "7"), (info.OperationParameters["split"].Trim('"'), info.OperationParameters["at"].Trim('"')));
        Assert.Equal(7, (await OpenAsync()).Delta.Current.Position(Slot));
    }

    [Fact]
    public async Task A_table_knows_a_split_of_which_it_has_a_position_in_the_history_that_is_listed_or_from_before_there_were_histories()
    {
        var table = await OpenAsync();
        var (listed, old) = (new Split(Slot, ["users"], Beginning: 7) { Identity = "a" }, new Split(Other, ["users"]) { Identity = "a" });
        Assert.False(Beginnings.IsKnown(table, listed));

        await RecordAsync(table, listed);
        Assert.True(Beginnings.IsKnown(table, listed));
        Assert.False(Beginnings.IsKnown(table, listed with { Identity = "b" }));
        Assert.False(Beginnings.IsKnown(table, old));

        Assert.IsType<CommitResult.Committed>(await table.Delta.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(Other, null, 5)] }, Cancel));
        Assert.True(Beginnings.IsKnown(table, old));
    }

    [Fact]
    public async Task A_table_from_before_there_were_histories_that_has_read_none_of_those_that_are_listed_begins_the_next_epoch()
    {
        var table = await OpenAsync();
        Assert.IsType<CommitResult.Committed>(await table.Delta.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(Slot, null, 5)] }, Cancel));

        await RecordAsync(table, new Split(Other, ["users"], Beginning: 3) { Identity = "b" });

        Assert.Equal(1, table.Delta.Current.Histories.EpochOf(Other));
    }

    [Fact]
    public async Task What_else_a_tables_log_counts_is_no_position_of_a_split_from_before_there_were_histories()
    {
        var table = await OpenAsync();
        Assert.IsType<CommitResult.Committed>(await table.Delta.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove("redrive", null, 1)] }, Cancel));

        await RecordAsync(table, new Split(Other, ["users"], Beginning: 3) { Identity = "b" });

        Assert.Equal((0, 3L), (table.Delta.Current.Histories.EpochOf(Other), table.Delta.Current.Position(Other)!.Value));
    }

    [Fact]
    public async Task Splits_of_other_tables_and_those_that_say_nothing_are_left_alone()
    {
        var table = await OpenAsync();

        await RecordAsync(table, new Split(Slot, ["orders"], Beginning: 7), new Split(new SplitId("app", "other"), ["users"]), new Split(new SplitId("app", "third"), ["users"], Beginning: 3));

        Assert.Equal((1, null, null, 3L), (table.Delta.Current.Version, table.Delta.Current.Position(Slot), table.Delta.Current.Position(new SplitId("app", "other")),
            table.Delta.Current.Position(new SplitId("app", "third"))!.Value));
    }

    [Fact]
    public async Task The_worker_that_came_first_counts_and_the_other_sees_it()
    {
        var (first, second) = (await OpenAsync(), await OpenAsync());

        await RecordAsync(first, new Split(Slot, ["users"], Beginning: 7));
        await RecordAsync(second, new Split(Slot, ["users"], Beginning: 9));

        Assert.Equal((1, 7), (second.Delta.Current.Version, second.Delta.Current.Position(Slot)));
    }

    [Fact]
    public async Task Of_several_tables_of_a_slot_each_has_its_own_record()
    {
        var (users, orders) = (await OpenAsync(), await OpenAsync("orders"));

        foreach (var table in new[] { users, orders }) await RecordAsync(table, new Split(Slot, ["users", "orders"], Beginning: 7));

        Assert.Equal((7, 7), (users.Delta.Current.Position(Slot), orders.Delta.Current.Position(Slot)));
    }

    [Fact]
    public async Task A_history_and_its_beginnings_are_one_commit_and_another_history_begins_the_next_epoch()
    {
        var table = await OpenAsync();

        await RecordAsync(table, new Split(Slot, ["users"], Beginning: 7) { Identity = "a" }, new Split(Other, ["users"], Beginning: 1) { Identity = "a" });
        await RecordAsync(table, new Split(Slot, ["users"], Beginning: 3) { Identity = "b" });

        var snapshot = (await OpenAsync()).Delta.Current;
        Assert.Equal(2, snapshot.Version);
        Assert.Equal((new SplitHistory(1, "b"), new SplitHistory(0, "a")), (snapshot.Histories.Find(Slot), snapshot.Histories.Find(Other)));
        Assert.Equal((3, 7, 3, 1), (snapshot.Position(Slot), snapshot.Position("app/slot"), snapshot.Position("app/slot#1"), snapshot.Position(Other)));
    }

    [Fact]
    public async Task A_table_that_its_split_has_left_behind_begins_the_next_epoch_where_the_split_begins_anew()
    {
        var table = await OpenAsync();
        var slot = new Split(Slot, ["users"], Beginning: 7) { Identity = "a", BeginningAnew = 50 };
        await RecordAsync(table, slot);

        await Beginnings.RecordAsync(table, [slot], _time, Cancel, isLeftBehind: snapshot => snapshot.Position(Slot) < 50);

        var snapshot = (await OpenAsync()).Delta.Current;
        Assert.Equal((new SplitHistory(1, "a"), 50L), (snapshot.Histories.Find(Slot), snapshot.Position(Slot)));
        // Nobody asks it of the only table of a split.
        Assert.Null(snapshot.Position(SplitHistory.BeginIdOf(Slot, 1)));
    }

    [Fact]
    public async Task A_table_is_left_behind_by_one_that_has_read_and_not_by_one_that_has_begun()
    {
        string[] names = ["users", "orders"];
        var (behind, other) = (await OpenAsync(), await OpenAsync("orders"));
        Split Slot(long beginning, long? anew = null, string ofOrders = "a") => new(BeginningsSpec.Slot, names, beginning)
        {
            Identity = "a", Identities = new Dictionary<string, string>(StringComparer.Ordinal) { ["users"] = "a", ["orders"] = ofOrders }, BeginningAnew = anew,
        };
        foreach (var table in (BronzeTable[])[behind, other]) await RecordAsync(table, Slot(7));

        // The slot was lost: it begins at 50 now. A table of another history begins there, and reads on.
        await RecordAsync(other, Slot(50, anew: 55, ofOrders: "b"));
        Assert.False(Is(Slot(50)));
        await CommitAsync(other, "app/slot#1", 55, 90);
        Assert.False(Is(Slot(50)));

        // What was moved up to where it has read, it was by that reading.
        Assert.True(Is(Slot(56)));
        Assert.False(Is(Slot(91)));
        // In whichever of its epochs.
        await RecordAsync(other, Slot(95, anew: 95, ofOrders: "c"));
        Assert.True(Is(Slot(90)));
        Assert.False(Is(Slot(95)));

        bool Is(Split slot) => LeftBehind.Is(behind.Delta.Current, slot, [other.Delta.Current]);
    }

    [Fact]
    public async Task A_table_whose_beginning_no_release_has_recorded_may_have_read_what_is_before_it()
    {
        var (behind, other) = (await OpenAsync(), await OpenAsync("orders"));
        await CommitAsync(behind, "app/slot", null, 5);
        await CommitAsync(other, "app/slot", null, 60);

        Assert.True(LeftBehind.Is(behind.Delta.Current, new Split(Slot, ["users", "orders"], Beginning: 50), [other.Delta.Current]));
        Assert.False(LeftBehind.Is(behind.Delta.Current, new Split(Slot, ["users"], Beginning: 50), [other.Delta.Current]));
    }

    private static async Task CommitAsync(BronzeTable table, string appId, long? from, long to)
    {
        Assert.IsType<CommitResult.Committed>(await table.Delta.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(appId, from, to)] }, Cancel));
        await table.Delta.RefreshAsync(Cancel);
    }

    [Fact]
    public async Task A_history_that_is_learned_alone_names_no_split_that_begins()
    {
        var table = await OpenAsync();
        await RecordAsync(table, new Split(Slot, ["users"], Beginning: 7));

        await RecordAsync(table, new Split(Slot, ["users"], Beginning: 7) { Identity = "a" });

        var (version, info) = await table.Delta.HistoryAsync(Cancel).FirstAsync(Cancel);
        Assert.Equal(2, version);
        Assert.DoesNotContain("split", info!.OperationParameters.Keys);
        Assert.Contains("epoch", info.OperationParameters.Keys);
    }

    [Fact]
    public async Task A_split_that_feeds_several_tables_is_of_each_ones_own_history_and_begins_anew_where_it_says()
    {
        var (users, orders) = (await OpenAsync(), await OpenAsync("orders"));
        await ListAsync("a", "a", 7, 50);
        await ListAsync("a", "b", 8, 60);

        Assert.Equal((new SplitHistory(0, "a"), 7L), (users.Delta.Current.Histories.Find(Slot), users.Delta.Current.Position(Slot)));
        Assert.Equal((new SplitHistory(1, "b"), 60L), (orders.Delta.Current.Histories.Find(Slot), orders.Delta.Current.Position(Slot)));

        async Task ListAsync(string ofUsers, string ofOrders, long beginning, long anew)
        {
            var slot = new Split(Slot, ["users", "orders"], beginning)
            {
                Identity = ofUsers, Identities = new Dictionary<string, string>(StringComparer.Ordinal) { ["users"] = ofUsers, ["orders"] = ofOrders }, BeginningAnew = anew,
            };
            foreach (var table in new[] { users, orders }) await RecordAsync(table, slot);
        }
    }

    [Fact]
    public async Task A_table_of_which_a_split_lacks_changes_begins_behind_these_and_the_others_where_it_begins()
    {
        var (users, orders) = (await OpenAsync(), await OpenAsync("orders"));
        var slot = new Split(Slot, ["users", "orders"], Beginning: 7)
        {
            Identity = "a", Identities = new Dictionary<string, string>(StringComparer.Ordinal) { ["users"] = "a", ["orders"] = "b" },
            BeginningAnew = 80, Beginnings = new Dictionary<string, long>(StringComparer.Ordinal) { ["orders"] = 60 },
        };

        foreach (var table in new[] { users, orders }) await RecordAsync(table, slot);

        Assert.Equal((7L, 60L), (users.Delta.Current.Position(Slot), orders.Delta.Current.Position(Slot)));
        Assert.Equal((0, 0), (users.Delta.Current.Histories.EpochOf(Slot), orders.Delta.Current.Histories.EpochOf(Slot)));
    }

    [Fact]
    public async Task Who_reads_a_split_for_other_tables_too_begins_no_history_of_theirs()
    {
        var (table, asItWas) = (await OpenAsync(), await OpenAsync());
        await RecordAsync(table, new Split(Slot, ["users"], Beginning: 7) { Identity = "a" });
        await asItWas.Delta.RefreshAsync(Cancel);
        await RecordAsync(table, new Split(Slot, ["users"], Beginning: 9) { Identity = "b" });

        await Beginnings.RecordAsync(asItWas, [new Split(Slot, ["users"], Beginning: 7) { Identity = "a" }], _time, Cancel, isOwn: false);
        await Beginnings.RecordAsync(asItWas, [new Split(Slot, ["users"], Beginning: 7) { Identity = "c" }], _time, Cancel, isOwn: false);

        // It sees what the table's own worker has begun.
        Assert.Equal((new SplitHistory(1, "b"), 2L), (asItWas.Delta.Current.Histories.Find(Slot), asItWas.Delta.Current.Version));
    }

    [Theory]
    [InlineData(null, 40)]
    [InlineData(30L, 40)]
    [InlineData(50L, 50)]
    public async Task When_a_table_that_was_left_behind_begins_anew_the_stream_goes_on_behind_what_is_read_again(long? anew, long expected)
    {
        var table = await OpenAsync();
        Split[] all = [new(Slot, ["users"], Beginning: 7) { Identity = "a" }, new(Other, ["users"], Beginning: 0) { Identity = "a", IsSnapshot = true }];
        await RecordAsync(table, all);
        await table.Delta.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend)
        {
            Moves = [new TxnMove(Slot, 7, 40), new TxnMove(Other, 0, long.MaxValue)], Marks = [.. SplitHistory.MarksOf(Slot, 0, new SplitMarks(Note: 3, Last: 39))],
        }, Cancel);

        await Beginnings.RecordAsync(table, [all[0] with { BeginningAnew = anew, BeginningMarks = new SplitMarks(Note: 4) }, all[1]], _time, Cancel, isLeftBehind: _ => table.Delta.Current.Histories.EpochOf(Slot) == 0);

        var snapshot = table.Delta.Current;
        Assert.Equal((expected, 0), (snapshot.Position(Slot), snapshot.Position(Other)));
        // What goes with where it was says nothing of another place.
        Assert.Equal(expected == 40 ? new SplitMarks(Note: 3, Last: 39) : new SplitMarks(Note: 4), snapshot.Marks(Slot));
        Assert.Equal((1, 1), (snapshot.Histories.EpochOf(Slot), snapshot.Histories.EpochOf(Other)));
    }

    [Fact]
    public async Task What_follows_histories_tells_the_newest_epoch_that_it_begins()
    {
        var (table, letters) = (await OpenAsync(), await OpenAsync("_dead_letter"));
        var other = new Split(Other, ["users"], Beginning: 1) { Identity = "b" };
        foreach (var slot in new[] { "a", "b" }.Select(identity => new Split(Slot, ["users"], Beginning: 7) { Identity = identity }))
        {
            await RecordAsync(table, slot.Identity == "a" ? [slot] : [slot, other]);
            await Beginnings.FollowAsync(letters, table, [slot, other], _time, Cancel);
        }

        var histories = letters.Delta.Current.Histories;
        Assert.Equal((1, 0), (histories.EpochOf(Slot), histories.EpochOf(Other)));
        var (_, info) = await letters.Delta.HistoryAsync(Cancel).FirstAsync(Cancel);
        Assert.Equal("1", info!.OperationParameters["epoch"].Trim('"'));
    }

    [Fact]
    public async Task Of_two_workers_that_find_different_histories_at_a_time_each_has_an_epoch_of_its_own()
    {
        var (first, second) = (await OpenAsync(), await OpenAsync());
        await RecordAsync(first, new Split(Slot, ["users"], Beginning: 7) { Identity = "a" });

        await RecordAsync(second, new Split(Other, ["users"], Beginning: 1) { Identity = "b" });

        var histories = second.Delta.Current.Histories;
        Assert.Equal((0, 1), (histories.EpochOf(Slot), histories.EpochOf(Other)));
    }

    [Fact]
    public async Task Many_workers_at_a_time_agree_on_one_epoch_of_one_history()
    {
        var tables = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => OpenAsync().AsTask()));

        await Task.WhenAll(tables.Select((table, i) => RecordAsync(table, Enumerable.Range(0, 4).Select(n => new Split(new SplitId("app", $"t/{(n + i) % 5}"), ["users"], Beginning: n) { Identity = "a" }).ToArray()).AsTask()));

        var snapshot = (await OpenAsync()).Delta.Current;
        Assert.Equal(5, snapshot.Histories.BySplit.Count);
        Assert.All(snapshot.Histories.BySplit.Values, history => Assert.Equal(new SplitHistory(0, "a"), history));
    }

    [Fact]
    public async Task A_table_from_before_histories_is_adopted_where_it_stands()
    {
        var table = await OpenAsync();
        await table.Delta.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(Slot, from: null, 40)] }, Cancel);

        await RecordAsync(table, new Split(Slot, ["users"], Beginning: 7) { Identity = "a" });
        await RecordAsync(table, new Split(Slot, ["users"], Beginning: 8) { Identity = "b" });

        var snapshot = table.Delta.Current;
        Assert.Equal((40, 8), (snapshot.Position("app/slot"), snapshot.Position(Slot)));
        Assert.Equal(new SplitHistory(1, "b"), snapshot.Histories.Find(Slot));
    }

    [Fact]
    public async Task A_lake_that_is_away_is_waited_for_by_the_worker_and_not_here()
    {
        var store = new AwayStore(new LocalObjectStore(_directory));
        var table = await OpenAsync(store: store);
        store.IsAway = true;

        var fault = await Assert.ThrowsAsync<PipelineException>(() => RecordAsync(table, new Split(Slot, ["users"], Beginning: 7)).AsTask());

        Assert.Equal(FaultKind.Unreachable, fault.Kind);
        Assert.InRange(store.Missed, 1, 10);
    }

    private ValueTask RecordAsync(BronzeTable table, params Split[] splits) => Beginnings.RecordAsync(table, splits, _time, Cancel);

    private ValueTask<BronzeTable> OpenAsync(string name = "users", IObjectStore? store = null) =>
        BronzeTable.OpenAsync(new Lake(store ?? new LocalObjectStore(_directory), TimeProvider.System), TableId.Bronze("app", name), Columns, Cancel);

    /// <summary>Lost races are followed at once.</summary>
    private sealed class WithoutPauses : TimeProvider
    {
        /// <summary>How many were asked for.</summary>
        public int Pauses { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime == Timeout.InfiniteTimeSpan) return base.CreateTimer(callback, state, dueTime, period);
            Pauses++;
            return base.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
