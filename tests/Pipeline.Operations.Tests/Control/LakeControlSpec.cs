using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Storage;
using Pipeline.Ingest.Tests;
using Pipeline.Operations.Control;
using Pipeline.Testing;

namespace Pipeline.Operations.Tests.Control;

public sealed class LakeControlSpec : IDisposable
{
    private static readonly TableId Users = TableId.Silver("users");
    private static readonly ControlScope Scope = new([TableId.Bronze("app", "users"), TableId.Bronze("app", "subscriptions"), Users], ["app"]);

    private readonly ScratchDirectory _directory = new("pipeline-control-");
    private readonly HeldClock _time = new(new DateTimeOffset(2026, 3, 2, 12, 0, 0, TimeSpan.Zero)) { AutoAdvanceAmount = TimeSpan.Zero };
    private readonly AwayStore _store;
    private readonly Lake _lake;
    private readonly LakeControl _control;

    public LakeControlSpec()
    {
        _store = new AwayStore(new LocalObjectStore(_directory.Path));
        _lake = new Lake(_store, _time);
        _control = Door();
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _control.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_word_is_kept_with_who_when_and_why_and_any_door_reads_it()
    {
        var applied = await SayAsync(ControlVerb.Pause, "silver/users", "its source is being moved");

        using var other = Door();
        var wish = Assert.Single((await other.StateAsync(Cancel)).Wishes);
        Assert.Equal((((Applied.Recorded)applied).Id, WishKind.Paused, ControlTarget.Of(Users), "anna", _time.GetUtcNow(), "its source is being moved"), (wish.Id, wish.Kind, wish.Target, wish.Who, wish.At, wish.Why));
    }

    [Fact]
    public async Task A_plan_that_is_applied_again_changes_nothing_whichever_door_it_comes_through()
    {
        var plan = await _control.PlanAsync(Command(ControlVerb.Pause, "app"), Cancel);
        Assert.IsType<Applied.Recorded>(await _control.ApplyAsync(plan.Id, "anna", "a", Cancel));
        await SayAsync(ControlVerb.Resume, "app", "b");

        using var other = Door();
        var again = await other.ApplyAsync(plan.Id, "anna", "a", Cancel);

        Assert.IsType<Applied.Repeated>(again);
        Assert.Empty((await _control.StateAsync(Cancel)).Wishes);
    }

    [Fact]
    public async Task A_plan_over_a_state_that_has_moved_is_refused_and_one_about_something_else_is_not()
    {
        var (late, beside) = (await _control.PlanAsync(Command(ControlVerb.Pause, "silver/users"), Cancel), await _control.PlanAsync(Command(ControlVerb.Pause, "app"), Cancel));
        await SayAsync(ControlVerb.Drain, "silver/users", "first");

        var refused = Assert.IsType<Applied.Refused>(await _control.ApplyAsync(late.Id, "ben", "second", Cancel));

        Assert.Equal(ControlRefusal.Moved, refused.Reason);
        Assert.IsType<Applied.Recorded>(await _control.ApplyAsync(beside.Id, "ben", "second", Cancel));
        Assert.Equal(["app", "silver/users"], (await _control.StateAsync(Cancel)).Wishes.Select(wish => wish.Target.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Of_two_words_the_one_that_was_said_later_counts_whichever_was_recorded_first_and_both_are_kept()
    {
        var early = new Wish(new string('a', 32), WishKind.Paused, ControlTarget.Source("app"), Holds: true, Value: null, "ben", _time.GetUtcNow() - TimeSpan.FromMinutes(5), "while the lake was away");
        await SayAsync(ControlVerb.Pause, "app", "x");
        await SayAsync(ControlVerb.Resume, "app", "it is back");

        await _control.RecordAsync(early, Cancel);
        await _control.RecordAsync(early, Cancel);

        var state = await _control.StateAsync(Cancel);
        Assert.Empty(state.Wishes);
        Assert.Equal(3, state.Words.Length);
        Assert.Contains(early, state.Words);
    }

    [Fact]
    public async Task Doors_that_speak_at_once_lose_no_word()
    {
        var doors = Enumerable.Range(0, 6).Select(_ => Door()).ToList();

        var applied = await Task.WhenAll(doors.Select(async (door, i) =>
        {
            var plan = await door.PlanAsync(Command(ControlVerb.Pause, $"node{i}:4053"), Cancel);
            return await door.ApplyAsync(plan.Id, "anna", "all at once", Cancel);
        }));

        Assert.Equal([1, 2, 3, 4, 5, 6], applied.Cast<Applied.Recorded>().Select(one => one.Number).Order());
        Assert.Equal(6, (await _control.StateAsync(Cancel)).Wishes.Count());
        doors.ForEach(door => door.Dispose());
    }

    [Fact]
    public async Task An_order_about_a_table_that_has_run_since_is_refused()
    {
        await RunAsync(1);
        var plan = await _control.PlanAsync(Command(ControlVerb.Rebuild, "silver/users"), Cancel);
        await RunAsync(2);

        var refused = Assert.IsType<Applied.Refused>(await _control.ApplyAsync(plan.Id, "anna", "why not", Cancel));

        Assert.Equal(ControlRefusal.Moved, refused.Reason);
        Assert.Contains("run 2 has ended meanwhile", refused.Fault.Cause, StringComparison.Ordinal);
        Assert.Empty((await _control.StateAsync(Cancel)).Orders);
    }

    [Fact]
    public async Task An_order_is_numbered_after_the_last_that_its_table_shows_as_done_though_the_record_was_restored_from_before()
    {
        await RunAsync(1);
        var table = (await _lake.TryOpenAsync(Users, Cancel))!;
        await OrderMarks.EndAsync(table, new Order("x", 41, OrderKind.Trigger, ControlTarget.Of(Users), Aim: null, Value: null, "anna", _time.GetUtcNow(), "before"), _time, Cancel);

        var applied = await SayAsync(ControlVerb.Trigger, "silver/users", "after");

        Assert.Equal(42, ((Applied.Recorded)applied).Number);
        var order = Assert.Single((await _control.StateAsync(Cancel)).Waiting);
        Assert.False(OrderAims.IsDone(order, await table.RefreshAsync(Cancel)));
    }

    [Fact]
    public async Task The_first_end_of_an_order_counts()
    {
        await RunAsync(1);
        await SayAsync(ControlVerb.Trigger, "silver/users", "now");
        var order = Assert.Single((await _control.StateAsync(Cancel)).Waiting);

        await _control.EndAsync(order, OrderOutcome.Done, detail: null, "a node", Cancel);
        await _control.EndAsync(order, OrderOutcome.Refused, "late", "another", Cancel);

        var ended = Assert.Single((await _control.StateAsync(Cancel)).Orders);
        Assert.Equal((OrderOutcome.Done, null, _time.GetUtcNow()), (ended.Outcome, ended.Detail, ended.DoneAt));
    }

    [Fact]
    public async Task With_the_lake_away_what_holds_work_can_be_planned_and_nothing_can_be_recorded()
    {
        _store.IsAway = true;

        var plan = await _control.PlanAsync(Command(ControlVerb.Pause, "app"), Cancel);
        var refused = Assert.IsType<Applied.Refused>(await _control.ApplyAsync(plan.Id, "anna", "the bucket burns", Cancel));

        Assert.False(plan.IsRecordable);
        Assert.Equal(ControlRefusal.LakeAway, refused.Reason);
        await Assert.ThrowsAsync<PipelineException>(() => _control.PlanAsync(Command(ControlVerb.Rebuild, "silver/users"), Cancel));
        _store.IsAway = false;
        Assert.IsType<Applied.Recorded>(await _control.ApplyAsync(plan.Id, "anna", "the bucket burns", Cancel));
    }

    [Fact]
    public async Task A_lake_that_does_not_answer_is_waited_for_a_minute_and_the_same_plan_is_recorded_when_it_does()
    {
        var silent = new SilentStore(new MemoryStore());
        using var control = new LakeControl(new Lake(silent, _time), Scope, (_, _) => Task.FromResult<IReadOnlyList<SplitGap>>([]), _time);
        var plan = await control.PlanAsync(Command(ControlVerb.Trigger, "silver/users"), Cancel);
        silent.IsSilent = true;

        var applying = control.ApplyAsync(plan.Id, "anna", "now", Cancel);
        await silent.Asked.WaitAsync(Cancel);
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.False(applying.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));

        var fault = await Assert.ThrowsAsync<PipelineException>(() => applying);
        Assert.Equal((FaultKind.Unreachable, "it has not answered within 60 s"), (fault.Kind, fault.Cause));
        Assert.Contains("not known whether this was recorded", fault.NextStep, StringComparison.Ordinal);
        silent.IsSilent = false;
        Assert.IsType<Applied.Recorded>(await control.ApplyAsync(plan.Id, "anna", "now", Cancel));
        Assert.Single((await control.StateAsync(Cancel)).Waiting);
    }

    [Fact]
    public async Task A_part_of_a_table_is_planned_where_its_source_says_that_it_lies_and_ordered_as_it_was_planned()
    {
        var (bronze, split) = (TableId.Bronze("app", "users"), new SplitId("app", "users/1"));
        await Assert.ThrowsAsync<PipelineException>(() => PlanAsync("from 2026-03-01"));
        var table = await _lake.OpenOrCreateAsync(bronze, new Apache.Arrow.Schema([BronzeColumns.OpField, BronzeColumns.PositionField], null), [], ImmutableDictionary<string, string>.Empty, Cancel);
        var begun = new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(split, null, 100)], Properties = ImmutableDictionary<string, string?>.Empty.Add(SplitHistory.KeyOf(split), new SplitHistory(0, "a").Write()) };
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(begun, Cancel));

        var plan = await PlanAsync("from 2026-03-01 to 2026-03-02");
        var late = await PlanAsync("from 2026-03-01");
        Assert.IsType<Applied.Recorded>(await _control.ApplyAsync(plan.Id, "anna", "they were changed", Cancel));
        var repeated = await _control.ApplyAsync(plan.Id, "anna", "they were changed", Cancel);
        var refused = await _control.ApplyAsync(late.Id, "ben", "all from there", Cancel);

        Assert.Equal([new ControlChange("app/users/1", "is-read-again", "10..20")], plan.Changes);
        Assert.Equal([new ControlChange("app/users/1", "is-read-again", "10..")], late.Changes);
        var order = Assert.Single((await _control.StateAsync(Cancel)).Orders);
        Assert.Equal((OrderKind.BackfillPart, "from 2026-03-01 to 2026-03-02"), (order.Kind, order.Value));
        Assert.Equal([new SplitPart(split, 10, 20)], order.Aim!.Parts);
        Assert.IsType<Applied.Repeated>(repeated);
        Assert.Equal(ControlRefusal.Moved, Assert.IsType<Applied.Refused>(refused).Reason);
        var told = (await EventsOfLake.RunAsync(new EventsOfLakeRequest(DateTimeOffset.UnixEpoch, bronze), _control, Cancel)).Events;
        Assert.Equal("backfill-part from 2026-03-01 to 2026-03-02: they were changed", Assert.Single(told).What);

        Task<Planned> PlanAsync(string part) => _control.PlanAsync(new ControlCommand(ControlVerb.BackfillPart, ControlTarget.Of(bronze), part), Cancel);
    }

    [Fact]
    public async Task Splits_that_go_on_where_they_are_are_told_and_one_that_has_not_come_to_the_place_yet_is_waited_for()
    {
        var (bronze, read, quiet) = (TableId.Bronze("app", "users"), new SplitId("app", "users/1"), new SplitId("app", "users/2"));
        var table = await _lake.OpenOrCreateAsync(bronze, new Apache.Arrow.Schema([BronzeColumns.OpField, BronzeColumns.PositionField], null), [], ImmutableDictionary<string, string>.Empty, Cancel);
        var properties = ImmutableDictionary<string, string?>.Empty.Add(SplitHistory.KeyOf(read), new SplitHistory(0, "a").Write()).Add(SplitHistory.KeyOf(quiet), new SplitHistory(0, "a").Write());
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(read, null, 100), new TxnMove(quiet, null, 39)], Properties = properties }, Cancel));
        using var control = new LakeControl(_lake, Scope, (_, _) => Task.FromResult<IReadOnlyList<SplitGap>>([]), _time) { Locate = (_, _, _) => Task.FromResult<IReadOnlyList<SplitPart>>([new SplitPart(read, 10), new SplitPart(quiet, 40)]) };

        var behind = await Assert.ThrowsAsync<PipelineException>(() => PlanAsync());
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(quiet, 39, 40)] }, Cancel));
        var plan = await PlanAsync();

        Assert.Contains("split app/users/2 has been read up to 39, and the part begins at 40", behind.Cause, StringComparison.Ordinal);
        Assert.Equal([new ControlChange("app/users/1", "is-read-again", "10.."), new ControlChange("app/users/2", "goes-on", "40..")], plan.Changes);

        Task<Planned> PlanAsync() => control.PlanAsync(new ControlCommand(ControlVerb.BackfillPart, ControlTarget.Of(bronze), "from 2026-03-01 08:00:00Z"), Cancel);
    }

    /// <summary>An earlier release would have the records of the part newer than what lies behind: its plan and its order are none that it knows.</summary>
    [Fact]
    public async Task A_part_of_a_log_that_ends_is_planned_and_ordered_as_one_that_keeps_its_order_whatever_it_was_asked_as()
    {
        var (bronze, read, quiet) = (TableId.Bronze("app", "users"), new SplitId("app", "users/1"), new SplitId("app", "users/2"));
        var log = new Apache.Arrow.Schema([new Apache.Arrow.Field("_partition", Apache.Arrow.Types.Int32Type.Default, nullable: false).As(BronzeRole.Split), new Apache.Arrow.Field("_offset", Apache.Arrow.Types.Int64Type.Default, nullable: false).As(BronzeRole.Number), BronzeColumns.OpField, BronzeColumns.PositionField], null);
        var table = await _lake.OpenOrCreateAsync(bronze, log, [], ImmutableDictionary<string, string>.Empty, Cancel);
        var properties = ImmutableDictionary<string, string?>.Empty.Add(SplitHistory.KeyOf(read), new SplitHistory(0, "a").Write()).Add(SplitHistory.KeyOf(quiet), new SplitHistory(0, "a").Write());
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(read, null, 100), new TxnMove(quiet, null, 39)], Properties = properties }, Cancel));
        using var control = new LakeControl(_lake, Scope, (_, _) => Task.FromResult<IReadOnlyList<SplitGap>>([]), _time)
        {
            Locate = (_, range, _) => Task.FromResult<IReadOnlyList<SplitPart>>(range.To is null ? [new SplitPart(read, 10)] : [new SplitPart(read, 10, 20), new SplitPart(quiet, 40, 41)]),
        };

        var (plan, other, open) = (await PlanAsync(ControlVerb.BackfillPart, "from 2026-03-01 to 2026-03-02"), await PlanAsync(ControlVerb.BackfillInOrder, "from 2026-03-01 to 2026-03-02"), await PlanAsync(ControlVerb.BackfillInOrder, "from 2026-03-01"));
        Assert.IsType<Applied.Recorded>(await control.ApplyAsync(plan.Id, "anna", "they were read wrongly", Cancel));

        Assert.Equal((ControlVerb.BackfillInOrder, ControlVerb.BackfillInOrder, ControlVerb.BackfillPart), (plan.Command.Verb, other.Command.Verb, open.Command.Verb));
        // What of a partition has not been read yet comes in its order by itself.
        Assert.Equal([new ControlChange("app/users/1", "is-read-again", "10..20"), new ControlChange("app/users/2", "goes-on", "39..")], plan.Changes);
        var order = Assert.Single((await control.StateAsync(Cancel)).Orders);
        Assert.Equal(OrderKind.BackfillInOrder, order.Kind);
        Assert.Equal([new SplitPart(read, 10, 20)], order.Aim!.Parts);
        Assert.Contains("\"backfill-in-order\"", System.Text.Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(plan.Id)), StringComparison.Ordinal);
        var told = (await EventsOfLake.RunAsync(new EventsOfLakeRequest(DateTimeOffset.UnixEpoch, bronze), control, Cancel)).Events;
        Assert.Equal("backfill-in-order from 2026-03-01 to 2026-03-02: they were read wrongly", Assert.Single(told).What);

        Task<Planned> PlanAsync(ControlVerb verb, string part) => control.PlanAsync(new ControlCommand(verb, ControlTarget.Of(bronze), part), Cancel);
    }

    [Fact]
    public async Task A_part_has_a_verb_of_its_own_by_which_an_earlier_release_knows_that_it_does_not_know_it()
    {
        var refused = await Assert.ThrowsAsync<PipelineException>(() => _control.PlanAsync(new ControlCommand(ControlVerb.Backfill, ControlTarget.Parse("bronze/app/users"), "from 10"), Cancel));

        Assert.Contains("that is backfill-part", refused.Cause, StringComparison.Ordinal);
        // As this release finds one of a later one.
        var (part, id) = (new ControlCommand(ControlVerb.BackfillPart, ControlTarget.Parse("bronze/app/users"), "from 10"), new string('a', 32));
        var written = System.Text.Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(new ControlPlan(id, part, Standing: null, Aim: null).Write()));
        var later = System.Buffers.Text.Base64Url.EncodeToString(System.Text.Encoding.UTF8.GetBytes(written.Replace("backfill-part", "backfill-later", StringComparison.Ordinal)));
        Assert.Contains("\"backfill-part\"", written, StringComparison.Ordinal);
        Assert.Equal(ControlRefusal.UnknownPlan, Assert.IsType<Applied.Refused>(await _control.ApplyAsync(later, "anna", "why", Cancel)).Reason);
    }

    [Theory]
    [InlineData("from 10", "10", null)]
    [InlineData("from 10 to 20", "10", "20")]
    [InlineData("from 2026-03-01 08:00:00Z to 2026-03-02", "2026-03-01 08:00:00Z", "2026-03-02")]
    [InlineData("from 2026-03-01 to 2026-03-02 08:00", "2026-03-01", "2026-03-02 08:00")]
    public void A_part_is_read_as_it_is_written(string text, string from, string? to)
    {
        Assert.Equal(new BackfillRange(from, to), BackfillRange.Parse(text));
        Assert.Equal(text, new BackfillRange(from, to).ToString());
    }

    [Theory]
    [InlineData("to 2026-03-01")]
    [InlineData("from 2026-03-01 to")]
    [InlineData("from 2026-03-01 to 2026-03-02 08:00:00 Z")]
    [InlineData("from 2026-03-01  to 2026-03-02")]
    [InlineData("from to 2026-03-02")]
    [InlineData("")]
    public async Task A_part_that_cannot_be_read_is_told_how_one_is_written(string part)
    {
        var wrong = await Assert.ThrowsAsync<PipelineException>(() => _control.PlanAsync(new ControlCommand(ControlVerb.BackfillPart, ControlTarget.Parse("bronze/app/users"), part), Cancel));

        Assert.Contains("from X to Y", wrong.NextStep, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ControlVerb.Pause, "silver/user", "silver/users")]
    [InlineData(ControlVerb.Pause, "ap", "app")]
    [InlineData(ControlVerb.Trigger, "bronze/app/users", "read all the time")]
    [InlineData(ControlVerb.AcceptGap, "silver/users", "only a source has gaps")]
    public async Task What_is_not_configured_or_not_for_such_is_not_planned(ControlVerb verb, string target, string told)
    {
        var error = await Assert.ThrowsAsync<PipelineException>(() => _control.PlanAsync(Command(verb, target), Cancel));

        Assert.Contains(told, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_reason_nothing_is_applied_nor_is_what_is_no_plan()
    {
        var plan = await _control.PlanAsync(Command(ControlVerb.Pause, "app"), Cancel);

        Assert.Equal(ControlRefusal.NoReason, ((Applied.Refused)await _control.ApplyAsync(plan.Id, "anna", " ", Cancel)).Reason);
        foreach (var text in (string[])["", "x", plan.Id[..^2], plan.Id + "AA", new string('A', 100_000)])
            Assert.Equal(ControlRefusal.UnknownPlan, ((Applied.Refused)await _control.ApplyAsync(text, "anna", "why", Cancel)).Reason);
        Assert.Equal(ControlState.None, await _control.StateAsync(Cancel));
    }

    [Fact]
    public async Task A_plan_that_nobody_could_have_made_here_is_not_believed()
    {
        var id = new string('a', 32);
        foreach (var command in (ControlCommand[])
                 [
                     Command(ControlVerb.Pause, "silver/others"), Command(ControlVerb.Rebuild, "bronze/app/users"),
                     Command(ControlVerb.Schedule, "silver/users") with { Value = "now and then" },
                 ])
            await Assert.ThrowsAsync<PipelineException>(() => _control.ApplyAsync(new ControlPlan(id, command, Standing: null, Aim: null).Write(), "anna", "why", Cancel));
        var blind = new ControlPlan(id, Command(ControlVerb.Rebuild, "silver/users"), Standing: null, Aim: null) { IsBlind = true };

        Assert.Equal(ControlRefusal.UnknownPlan, ((Applied.Refused)await _control.ApplyAsync(blind.Write(), "anna", "why", Cancel)).Reason);
        foreach (var json in (string[])
                 [
                     $$$$"""{"id":"{{{{id}}}}","command":{"verb":99,"target":{"kind":"source","name":"app"}}}""",
                     $$$$"""{"id":"{{{{id}}}}","command":{"verb":"rebuild","target":{"kind":"table","name":"silver/users"}},"aim":{"identity":"x","epoch":0}}""",
                 ])
            Assert.Equal(ControlRefusal.UnknownPlan, ((Applied.Refused)await _control.ApplyAsync(System.Buffers.Text.Base64Url.EncodeToString(System.Text.Encoding.UTF8.GetBytes(json)), "anna", "why", Cancel)).Reason);
        Assert.Equal(ControlState.None, await _control.StateAsync(Cancel));
    }

    [Fact]
    public async Task What_others_wrote_into_the_record_is_passed_by_and_keeps_nothing_that_was_said()
    {
        await SayAsync(ControlVerb.Pause, "app", "first");
        using (var table = new NumberedTable<ControlEntry>(_lake, ControlTable.Id, ControlEntry.Form, "CONTROL", _time))
        {
            var entry = new ControlEntry(0, "wish", "x", "paused", "app", "source", Holds: true, Value: null, Aim: null, "mallory", _time.GetUtcNow().AddYears(1), "y", Detail: null);
            ControlEntry[] strange =
            [
                entry with { Target = "no/such/kind/of/table", TargetKind = "table" }, entry with { TargetKind = "galaxy" }, entry with { Kind = "forgotten" }, entry with { Entry = "song" }, entry with { Kind = "schedule", Target = "silver/users", TargetKind = "table", Value = "whenever" },
                entry with { Entry = "order", Kind = "trigger", Target = "silver/users", TargetKind = "table", Aim = "{" }, entry with { Entry = "end", Id = "nobody's", Kind = "done" }, entry with { Kind = "schedule", Value = "0 0 * * *" },
            ];
            foreach (var one in strange) await table.AppendAsync((read, _) => ValueTask.FromResult((true, System.Collections.Immutable.ImmutableArray.Create(one with { Number = read.Number + 1 }))), Cancel);
        }

        using var other = Door();
        Assert.Equal("first", Assert.Single((await other.StateAsync(Cancel)).Wishes).Why);
        Assert.Empty((await other.StateAsync(Cancel)).Orders);
        Assert.IsType<Applied.Recorded>(await SayAsync(ControlVerb.Resume, "app", "over"));
        Assert.Empty((await other.StateAsync(Cancel)).Wishes);
    }

    private static ControlCommand Command(ControlVerb verb, string target) => new(verb, ControlTarget.Parse(target));

    private async Task<Applied> SayAsync(ControlVerb verb, string target, string why) =>
        await _control.ApplyAsync((await _control.PlanAsync(Command(verb, target), Cancel)).Id, "anna", why, Cancel);

    private LakeControl Door() => new(_lake, Scope, (_, _) => Task.FromResult<IReadOnlyList<SplitGap>>([]), _time)
    {
        Locate = (_, range, _) => Task.FromResult<IReadOnlyList<SplitPart>>([new SplitPart(new SplitId("app", "users/1"), 10, range.To is null ? null : 20)]),
    };

    private async Task RunAsync(long run)
    {
        var schema = new Apache.Arrow.Schema([new Apache.Arrow.Field("id", Apache.Arrow.Types.Int64Type.Default, nullable: true)], null);
        var table = await _lake.OpenOrCreateAsync(Users, schema, [], System.Collections.Immutable.ImmutableDictionary<string, string>.Empty, Cancel);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("MERGE", Isolation.BlindAppend) { Moves = [new TxnMove("run", run == 1 ? null : run - 1, run)] }, Cancel));
    }

    /// <summary>It answers what is asked of it, and for a while nobody who writes.</summary>
    private sealed class SilentStore(IObjectStore inner) : StoreDecorator(inner)
    {
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsSilent { get; set; }

        public Task Asked => _asked.Task;

        public override async ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            if (IsSilent)
            {
                _asked.TrySetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            }

            return await Inner.PutIfAbsentAsync(path, content, cancellationToken);
        }
    }
}
