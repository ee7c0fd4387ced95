using Akka.Actor;
using Pipeline.Core;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Tests;

/// <summary>Which stages fit, when they are committed, and whom a committer tells of it.</summary>
public sealed class BronzeCommitterJudgementSpec : CommitterScene
{
    [Fact]
    public void A_stage_of_another_epoch_is_refused_when_the_log_says_so_and_answers_say_in_which_epoch_a_split_is_read()
    {
        var view = new FakeView(version: 3, new Dictionary<SplitId, long> { [Id("a")] = 10 }, []) { Epochs = new Dictionary<SplitId, int> { [Id("a")] = 2 } };
        Given(view);

        var asked = When(Ask(tag: 7, "a"));
        var old = When(Stage("a", 10, 20));
        var opened = When(new CommitterEvent.Opened(view));
        var fits = When(new CommitterEvent.Staged(new PendingStage(StageOf("a", 10, 20) with { Ranges = [new StagedRange(Id("a"), 10, 20, Epoch: 2)] }, ActorRefs.Nobody)));

        Assert.Equal(2, Assert.IsType<PositionsFound>(Assert.Single(Replies(asked))).Epochs![Id("a")]);
        Assert.IsType<CommitterEffect.Open>(Assert.Single(old));
        Assert.IsType<StageRefused>(Assert.Single(Replies(opened)));
        var transaction = BronzeCommitterActor.TransactionOf([.. Commit(fits).Select(pending => pending.Stage)]);
        Assert.Equal("test/a#2", Assert.Single(transaction.Moves).AppId);
        Assert.Equal((Id("a"), 2), Assert.Single(transaction.Epochs));
    }

    [Fact]
    public void What_is_in_the_table_under_another_epoch_is_not_what_was_staged()
    {
        var stage = StageOf("a", 5, 10);
        var view = new FakeView(version: 3, new Dictionary<SplitId, long> { [Id("a")] = 10 }, [stage.Files[0].Path]) { Epochs = new Dictionary<SplitId, int> { [Id("a")] = 1 } };
        Given(view);

        When(new CommitterEvent.Staged(new PendingStage(stage, ActorRefs.Nobody)));
        var opened = When(new CommitterEvent.Opened(view));

        Assert.IsType<StageRefused>(Assert.Single(Replies(opened)));
    }

    [Fact]
    public void A_flush_that_is_due_commits_whatever_the_clock_says_and_the_next_one_is_due_again()
    {
        GivenCommitted("a", 10);

        var second = When(Stage("a", 10, 20));
        var due = When(new CommitterEvent.FlushDue());
        When(new CommitterEvent.Committed(View(version: 2, ("a", 20))));
        var third = When(Stage("a", 20, 30));

        Assert.IsType<CommitterEffect.FlushAfter>(Assert.Single(second));
        Assert.Single(Commit(due));
        Assert.IsType<CommitterEffect.FlushAfter>(Assert.Single(third));
    }

    [Fact]
    public void Gathering_ends_early_with_the_file_that_makes_the_number_full()
    {
        GivenCommitted("a", 10);
        for (var i = 1; i < Limits.FilesMax; i++) Assert.DoesNotContain(When(Stage("a", i * 10, (i + 1) * 10)), effect => effect is CommitterEffect.Commit);

        var full = When(Stage("a", 40, 50));

        Assert.Equal(Limits.FilesMax, Commit(full).Count);
    }

    [Fact]
    public void Turns_stages_away_when_too_many_wait_for_a_commit_and_behind_it()
    {
        Given(View(version: 0));
        When(Stage("b", null, 1));
        When(Stage("c", 5, 6));
        for (var i = 2; i < Limits.StagesMax; i++) Assert.Empty(When(Stage("a", i == 2 ? null : i, i + 1)));

        Assert.IsType<StageFailed>(Assert.Single(Replies(When(Stage("a", Limits.StagesMax, Limits.StagesMax + 1)))));
    }

    [Fact]
    public void A_log_that_was_just_read_is_not_read_again_for_a_stage_that_starts_beyond_it()
    {
        Given(View(version: 3, ("a", 40)));
        When(Stage("a", 50, 60));

        var opened = When(new CommitterEvent.Opened(View(version: 3, ("a", 40))));

        Assert.IsType<StageRefused>(Assert.Single(Replies(opened)));
        Assert.DoesNotContain(opened, effect => effect is CommitterEffect.Open);
    }

    [Fact]
    public void A_version_that_won_a_race_is_not_read_again_for_a_stage_that_starts_beyond_it()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));
        When(Stage("a", 10, 20));

        var superseded = When(new CommitterEvent.Superseded(View(version: 1, ("a", 5))));

        Assert.Equal(2, Replies(superseded).OfType<StageRefused>().Count());
        Assert.DoesNotContain(superseded, effect => effect is CommitterEffect.Open);
    }

    [Fact]
    public void What_waits_behind_a_commit_is_judged_by_a_version_that_won_the_race()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));
        Assert.Empty(When(Stage("b", 5, 6)));
        Now += Limits.CommitInterval;

        var superseded = When(new CommitterEvent.Superseded(View(version: 1, ("b", 5))));

        Assert.Equal(2, Commit(superseded).Count);
    }

    [Fact]
    public void A_stage_that_starts_beyond_what_is_known_waits_for_the_commit_under_way_and_then_for_the_log()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));

        var meanwhile = When(Stage("b", 5, 6));
        var committed = When(new CommitterEvent.Committed(View(version: 1, ("a", 10))));

        Assert.Empty(meanwhile);
        Assert.Single(committed.OfType<CommitterEffect.Open>());
        Assert.Empty(Replies(committed).OfType<StageRefused>());
    }

    [Fact]
    public void One_range_beyond_what_is_known_is_reason_enough_to_read_the_log()
    {
        Given(View(version: 3, ("a", 40)));

        var judged = When(Staged(new StagedRange(Id("b"), null, 10), new StagedRange(Id("a"), 50, 60)));

        Assert.IsType<CommitterEffect.Open>(Assert.Single(judged));
    }

    [Fact]
    public void One_range_that_the_table_has_passed_is_refused_without_reading_the_log()
    {
        Given(View(version: 3, ("a", 40)));

        var judged = When(Staged(new StagedRange(Id("b"), null, 10), new StagedRange(Id("a"), 30, 60)));

        Assert.IsType<StageRefused>(Assert.Single(Replies(judged)));
    }

    [Fact]
    public void A_stage_is_in_the_table_when_all_its_files_are()
    {
        var stage = StageOf("a", null, 10);
        stage = stage with { Files = [.. stage.Files, .. StageOf("a", null, 10).Files] };
        Given(new FakeView(5, new Dictionary<SplitId, long> { [Id("a")] = 10 }, [stage.Files[0].Path]));

        Assert.IsType<StageRefused>(Assert.Single(Replies(When(new CommitterEvent.Staged(new PendingStage(stage, ActorRefs.Nobody))))));
    }

    [Fact]
    public void A_stage_is_in_the_table_when_the_table_has_reached_all_its_ends()
    {
        var stage = StageOf("a", null, 10);
        stage = stage with { Ranges = [.. stage.Ranges, new StagedRange(Id("b"), null, 10)] };
        Given(new FakeView(5, new Dictionary<SplitId, long> { [Id("a")] = 10, [Id("b")] = 5 }, [stage.Files[0].Path]));

        Assert.IsType<StageRefused>(Assert.Single(Replies(When(new CommitterEvent.Staged(new PendingStage(stage, ActorRefs.Nobody))))));
    }

    [Fact]
    public void A_stage_that_was_committed_before_is_answered_with_the_time_of_the_last_commit()
    {
        Given(View(version: 0));
        var stage = StageOf("a", null, 10);
        When(new CommitterEvent.Staged(new PendingStage(stage, ActorRefs.Nobody)));
        When(new CommitterEvent.Committed(new FakeView(1, new Dictionary<SplitId, long> { [Id("a")] = 10 }, [stage.Files[0].Path])));
        Now += TimeSpan.FromMinutes(1);

        var again = When(new CommitterEvent.Staged(new PendingStage(stage, ActorRefs.Nobody)));

        Assert.Equal(Noon, Assert.IsType<StageCommitted>(Assert.Single(Replies(again))).CommittedAt);
    }

    [Fact]
    public void A_commit_is_announced_with_its_rows_and_its_newest_event()
    {
        GivenCommitted("a", 10);
        When(new CommitterEvent.Staged(new PendingStage(StageOf("a", 10, 13) with { NewestEventAt = Noon.AddSeconds(1) }, ActorRefs.Nobody)));
        When(new CommitterEvent.Staged(new PendingStage(StageOf("a", 13, 20) with { NewestEventAt = Noon.AddSeconds(3) }, ActorRefs.Nobody)));
        When(new CommitterEvent.FlushDue());

        var committed = When(new CommitterEvent.Committed(View(version: 2, ("a", 20))));

        Assert.Equal(new BronzeCommitted(Table, 2, 10, Noon.AddSeconds(3), Now), committed.OfType<CommitterEffect.Announce>().Single().Event);
    }

    [Fact]
    public void A_question_waits_for_each_of_its_splits()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));

        Assert.Empty(When(Ask(tag: 1, "b", "a")));
    }

    [Fact]
    public void Everyone_who_asks_is_answered_and_who_asks_again_once()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));
        var (one, other) = (new NamedRef("one"), new NamedRef("other"));
        foreach (var (tag, asker) in new[] { (1, one), (2, other), (3, one) })
            When(new CommitterEvent.Asked(new PendingQuestion(new GetPositions(Table, tag, [Id("a")]), asker)));

        var committed = When(new CommitterEvent.Committed(View(version: 1, ("a", 10))));

        Assert.Equal([((IActorRef)other, 2L), (one, 3L)], committed.OfType<CommitterEffect.Reply>().Where(reply => reply.Message is PositionsFound)
            .Select(reply => (reply.To, ((PositionsFound)reply.Message).Tag)));
    }

    private void GivenCommitted(string split, long to)
    {
        Given(View(version: 0));
        When(Stage(split, null, to));
        When(new CommitterEvent.Committed(View(version: 1, (split, to))));
    }

    private static CommitterEvent Staged(params StagedRange[] ranges) =>
        new CommitterEvent.Staged(new PendingStage(StageOf("", null, 0) with { Ranges = [.. ranges] }, ActorRefs.Nobody));
}
