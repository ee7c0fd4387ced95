using Akka.Actor;
using Pipeline.Core;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Tests;

public sealed class BronzeCommitterStateSpec : CommitterScene
{
    [Fact]
    public void Opens_the_table_before_it_answers()
    {
        var asked = When(Ask(tag: 7, "orders/0"));
        var opened = When(new CommitterEvent.Opened(View(version: 3, ("orders/0", 40))));

        Assert.IsType<CommitterEffect.Open>(Assert.Single(asked));
        var answer = Assert.IsType<PositionsFound>(Assert.Single(Replies(opened)));
        Assert.Equal((7, 3, 40), (answer.Tag, answer.Version, answer.Positions[Id("orders/0")]));
    }

    [Fact]
    public void Commits_at_once_after_a_quiet_time_and_gathers_for_the_interval_after_a_commit()
    {
        Given(View(version: 0));

        var first = When(Stage("a", null, 10));
        var done = When(new CommitterEvent.Committed(View(version: 1, ("a", 10))));
        var second = When(Stage("a", 10, 20));
        var third = When(Stage("a", 20, 30));
        Now += Limits.CommitInterval;
        var due = When(new CommitterEvent.FlushDue());

        Assert.Single(Commit(first));
        Assert.IsType<StageCommitted>(Assert.Single(Replies(done)));
        Assert.Equal(Limits.CommitInterval, Assert.IsType<CommitterEffect.FlushAfter>(Assert.Single(second)).Delay);
        Assert.Empty(third);
        Assert.Equal(2, Commit(due).Count);
    }

    [Fact]
    public void A_stage_that_ends_a_reading_is_committed_at_once_with_what_waits_before_it()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));
        When(new CommitterEvent.Committed(View(version: 1, ("a", 10))));
        var waits = When(Stage("a", 10, 20));

        var ends = When(new CommitterEvent.Staged(new PendingStage(StageOf("a", 20, 30) with { IsEnd = true }, ActorRefs.Nobody)));

        Assert.IsType<CommitterEffect.FlushAfter>(Assert.Single(waits));
        Assert.Equal(2, Commit(ends).Count);
    }

    [Fact]
    public void A_clock_that_is_set_back_holds_no_commit_up()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));
        When(new CommitterEvent.Committed(View(version: 1, ("a", 10))));

        Now -= TimeSpan.FromHours(1);
        var next = When(Stage("a", 10, 20));

        Assert.Single(Commit(next));
    }

    [Fact]
    public void One_commit_moves_a_chain_of_stages_from_its_first_start_to_its_last_end()
    {
        var transaction = BronzeCommitterActor.TransactionOf([StageOf("a", null, 10), StageOf("a", 10, 25), StageOf("b", 5, 6)]);

        Assert.Equal([("test/a", null, 25L), ("test/b", 5L, 6L)], transaction.Moves.Select(move => (move.AppId, move.From, move.To)));
        Assert.Equal(3, transaction.Adds.Length);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(39L)]
    public void Refuses_a_stage_that_does_not_start_where_the_table_is(long? from)
    {
        Given(View(version: 3, ("a", 40)));

        var refused = Assert.IsType<StageRefused>(Assert.Single(Replies(When(Stage("a", from, 50)))));

        Assert.Equal(40, refused.Positions[Id("a")]);
    }

    [Fact]
    public void Refuses_a_stage_that_starts_where_an_earlier_one_of_the_same_batch_started()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));

        var replies = Replies(When(Stage("a", null, 12)));

        Assert.IsType<StageRefused>(Assert.Single(replies));
    }

    [Fact]
    public void A_stage_that_starts_beyond_what_is_known_is_judged_by_the_log_and_not_by_memory()
    {
        Given(View(version: 3, ("a", 40)));

        var unknown = When(Stage("a", 50, 60));
        var read = When(new CommitterEvent.Opened(View(version: 4, ("a", 50))));

        Assert.IsType<CommitterEffect.Open>(Assert.Single(unknown));
        Assert.Single(Commit(read));
    }

    [Fact]
    public void A_stage_whose_commit_landed_unheard_and_was_compacted_since_is_refused_with_where_the_table_stands()
    {
        Given(View(version: 3, ("a", 40)));
        Commit(When(Stage("a", 40, 50)));
        When(new CommitterEvent.Failed(new Fault(FaultKind.Unreachable, "Store", "time-out", "Wait.")));
        When(new CommitterEvent.RetryDue());

        var refused = Assert.IsType<StageRefused>(Assert.Single(Replies(When(new CommitterEvent.Opened(View(version: 5, ("a", 50)))))));

        Assert.Equal(50, Assert.Single(refused.Positions).Value);
    }

    [Fact]
    public void A_stage_that_arrives_again_is_not_committed_twice_and_the_last_sender_is_answered()
    {
        Given(View(version: 0));
        var stage = StageOf("a", null, 10);
        var (early, late) = (new NamedRef("early"), new NamedRef("late"));

        When(new CommitterEvent.Staged(new PendingStage(stage, early)));
        Assert.Empty(When(new CommitterEvent.Staged(new PendingStage(stage, late))));
        var done = When(new CommitterEvent.Committed(View(version: 1, ("a", 10))));

        Assert.Equal(late, Assert.Single(done.OfType<CommitterEffect.Reply>()).To);
    }

    [Fact]
    public void A_stage_whose_files_are_in_the_table_is_answered_as_committed()
    {
        var stage = StageOf("a", null, 10);
        Given(new FakeView(5, new Dictionary<SplitId, long> { [Id("a")] = 10 }, [stage.Files[0].Path]));

        var replies = Replies(When(new CommitterEvent.Staged(new PendingStage(stage, ActorRefs.Nobody))));

        Assert.IsType<StageCommitted>(Assert.Single(replies));
    }

    [Fact]
    public void Positions_are_told_only_when_nothing_staged_for_the_split_is_undecided()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));

        var early = When(Ask(tag: 1, "a"));
        var other = When(Ask(tag: 2, "b"));
        var done = When(new CommitterEvent.Committed(View(version: 1, ("a", 10))));

        Assert.Empty(early);
        Assert.Equal(2, Assert.IsType<PositionsFound>(Assert.Single(Replies(other))).Tag);
        Assert.Equal(10, Replies(done).OfType<PositionsFound>().Single().Positions[Id("a")]);
    }

    [Fact]
    public void When_another_writer_was_faster_every_waiting_stage_is_judged_again()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));
        When(Stage("a", 10, 20));
        When(Stage("b", null, 5));

        var effects = When(new CommitterEvent.Superseded(View(version: 1, ("a", 12))));
        Now += Limits.CommitInterval;
        var due = When(new CommitterEvent.FlushDue());

        Assert.Equal(2, Replies(effects).OfType<StageRefused>().Count());
        Assert.Equal(Id("b"), Assert.Single(Commit(due)).Stage.Ranges[0].Split);
    }

    [Fact]
    public void A_failed_commit_is_judged_again_after_reading_the_log_and_not_repeated_when_it_had_happened()
    {
        Given(View(version: 0));
        var stage = StageOf("a", null, 10);
        When(new CommitterEvent.Staged(new PendingStage(stage, ActorRefs.Nobody)));

        var failed = When(new CommitterEvent.Failed(new Fault(FaultKind.Unreachable, "Store", "time-out", "Wait.")));
        var retry = When(new CommitterEvent.RetryDue());
        var opened = When(new CommitterEvent.Opened(new FakeView(1, new Dictionary<SplitId, long> { [Id("a")] = 10 }, [stage.Files[0].Path])));

        Assert.Equal(TimeSpan.FromSeconds(1), Assert.IsType<CommitterEffect.RetryAfter>(Assert.Single(failed)).Delay);
        Assert.IsType<CommitterEffect.Open>(Assert.Single(retry));
        Assert.IsType<StageCommitted>(Assert.Single(Replies(opened)));
        Assert.DoesNotContain(opened, effect => effect is CommitterEffect.Commit);
    }

    [Fact]
    public void Gives_stages_back_when_retries_are_used_up_and_at_once_when_retrying_cannot_help()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));
        var transient = new Fault(FaultKind.Unreachable, "Store", "time-out", "Wait.");
        for (var i = 1; i < Limits.Retry.AttemptsMax; i++)
        {
            When(new CommitterEvent.Failed(transient));
            When(new CommitterEvent.RetryDue());
            When(new CommitterEvent.Opened(View(version: 0)));
        }

        var given = When(new CommitterEvent.Failed(transient));
        When(Stage("a", null, 10));
        When(new CommitterEvent.Opened(View(version: 0)));
        var refused = When(new CommitterEvent.Failed(new Fault(FaultKind.Invalid, "Table", "column id changes its type", "Change it back.")));

        Assert.Equal(transient, Replies(given).OfType<StageFailed>().Single().Fault);
        Assert.Equal(FaultKind.Invalid, Replies(refused).OfType<StageFailed>().Single().Fault.Kind);
    }

    [Fact]
    public void Waits_for_a_store_that_is_away_for_as_long_as_it_takes()
    {
        State = new BronzeCommitterState(Table, Limits with { Retry = new IngestOptions().Retry });
        Given(View(version: 0));
        When(Stage("a", null, 10));
        for (var i = 0; i < 5_000; i++)
        {
            var failed = When(new CommitterEvent.Failed(new Fault(FaultKind.Unreachable, $"Object {i}", "time-out", "Wait.")));
            Assert.InRange(Assert.IsType<CommitterEffect.RetryAfter>(Assert.Single(failed)).Delay, TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(30));
            When(new CommitterEvent.RetryDue());
        }

        Now += Limits.CommitInterval;
        When(new CommitterEvent.Opened(View(version: 0)));
        var committed = When(new CommitterEvent.Committed(View(version: 1, ("a", 10))));

        Assert.IsType<StageCommitted>(Assert.Single(Replies(committed)));
        Assert.Equal(0, State.Failures);
    }

    [Fact]
    public void A_defect_gives_the_stages_back_so_that_all_start_clean()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));

        var given = When(new CommitterEvent.Failed(Fault.Of($"Table {Table}", new InvalidOperationException("no such element"))));

        Assert.Equal(FaultKind.Defect, Replies(given).OfType<StageFailed>().Single().Fault.Kind);
        Assert.Equal(CommitterPhase.Closed, State.Phase);
    }

    [Fact]
    public void One_who_asks_again_while_the_store_is_away_is_answered_once()
    {
        for (var i = 0; i < 1_000; i++) When(new CommitterEvent.Asked(new PendingQuestion(new GetPositions(Table, i, [Id("a")]), ActorRefs.Nobody)));

        var answers = Replies(When(new CommitterEvent.Opened(View(version: 1, ("a", 10)))));

        Assert.Equal(999, Assert.IsType<PositionsFound>(Assert.Single(answers)).Tag);
    }

    [Fact]
    public void Turns_stages_away_when_too_many_wait()
    {
        When(Stage("a", null, 1));
        for (var i = 1; i < Limits.StagesMax; i++) When(Stage("a", i, i + 1));

        var turned = Assert.IsType<StageFailed>(Assert.Single(Replies(When(Stage("a", 10, 11)))));

        Assert.True(turned.Fault.IsTransient);
    }

    [Fact]
    public void Files_that_bring_different_schemas_are_committed_one_after_the_other()
    {
        Given(View(version: 0));
        When(Stage("z", null, 1));
        When(new CommitterEvent.Staged(new PendingStage(StageOf("a", null, 10) with { Schema = [1] }, ActorRefs.Nobody)));
        When(new CommitterEvent.Staged(new PendingStage(StageOf("a", 10, 20) with { Schema = [1] }, ActorRefs.Nobody)));
        When(new CommitterEvent.Staged(new PendingStage(StageOf("a", 20, 30) with { Schema = [2] }, ActorRefs.Nobody)));
        Now += Limits.CommitInterval;

        var second = When(new CommitterEvent.Committed(View(version: 1, ("z", 1))));

        Assert.Equal(2, Commit(second).Count);
    }
}
