using Akka.Actor;
using Pipeline.Core;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Tests;

/// <summary>How a committer comes to know its table, and what it does when it cannot, or can no longer.</summary>
public sealed class BronzeCommitterOpeningSpec : CommitterScene
{
    private static readonly Fault Outage = new(FaultKind.Unreachable, "Store", "time-out", "Wait.");
    private static readonly Fault Refusal = new(FaultKind.Invalid, "Table", "column id changes its type", "Change it back.");

    [Fact]
    public void One_who_knows_a_version_is_not_answered_from_a_log_that_was_read_before_it_was_made()
    {
        When(Ask(tag: 1, "a"));
        When(new CommitterEvent.Asked(new PendingQuestion(new GetPositions(Table, Tag: 2, [Id("a")], AtLeast: 7), ActorRefs.Nobody)));

        var early = When(new CommitterEvent.Opened(View(6, ("a", 5))));
        Assert.IsType<CommitterEffect.Open>(Assert.Single(early));

        Assert.All(Replies(When(new CommitterEvent.Opened(View(7, ("a", 9))))), reply => Assert.Equal(7, Assert.IsType<PositionsFound>(reply).Version));
    }

    [Fact]
    public void A_version_that_is_not_there_any_more_is_not_waited_for()
    {
        When(Ask(tag: 1, "a"));
        When(new CommitterEvent.Asked(new PendingQuestion(new GetPositions(Table, Tag: 2, [Id("a")], AtLeast: 7), ActorRefs.Nobody)));
        When(new CommitterEvent.Opened(View(6, ("a", 5))));

        Assert.NotEmpty(Replies(When(new CommitterEvent.Opened(View(6, ("a", 5))))));
    }

    [Fact]
    public void Opens_once_whoever_else_comes_meanwhile()
    {
        Assert.IsType<CommitterEffect.Open>(Assert.Single(When(Ask(tag: 1, "a"))));
        Assert.Empty(When(Ask(tag: 2, "a")));
        Assert.Empty(When(Stage("a", null, 10)));

        var opened = When(new CommitterEvent.Opened(View(version: 0)));

        Assert.Single(Commit(opened));
    }

    [Fact]
    public void What_comes_while_a_known_table_is_opened_again_waits_for_what_the_log_says()
    {
        Given(View(version: 3, ("a", 40)));
        When(Stage("a", 50, 60));

        var meanwhile = When(Stage("a", 40, 45));
        var opened = When(new CommitterEvent.Opened(View(version: 4, ("a", 50))));

        Assert.Empty(meanwhile);
        Assert.Single(Replies(opened).OfType<StageRefused>());
        Assert.Equal(50, Assert.Single(Commit(opened)).Stage.Ranges[0].From);
    }

    [Fact]
    public void What_comes_while_a_failed_commit_waits_is_judged_after_it()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));
        When(new CommitterEvent.Failed(Outage));

        var meanwhile = When(Stage("a", 10, 20));
        When(new CommitterEvent.RetryDue());
        Now += Limits.CommitInterval;
        var opened = When(new CommitterEvent.Opened(View(version: 0)));

        Assert.Empty(meanwhile);
        Assert.Equal(2, Commit(opened).Count);
    }

    [Fact]
    public void What_comes_while_a_failed_commit_waits_is_not_judged_by_what_was_known_before()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));
        When(new CommitterEvent.Failed(Outage));
        When(Stage("b", null, 5));
        When(new CommitterEvent.RetryDue());

        var opened = When(new CommitterEvent.Opened(View(version: 1, ("b", 7))));

        Assert.Equal(7, Assert.IsType<StageRefused>(Assert.Single(Replies(opened))).Positions[Id("b")]);
    }

    [Fact]
    public void Looks_again_for_a_table_that_was_missing()
    {
        var asked = When(Ask(tag: 1, "a"));
        var missing = When(new CommitterEvent.Opened(MissingTableView.Instance));
        var askedAgain = When(Ask(tag: 2, "a"));
        When(new CommitterEvent.Opened(MissingTableView.Instance));
        var staged = When(Stage("a", null, 10));
        var made = When(new CommitterEvent.Opened(View(version: 0)));

        Assert.IsType<CommitterEffect.Open>(Assert.Single(asked));
        Assert.Equal(-1, Assert.IsType<PositionsFound>(Assert.Single(Replies(missing))).Version);
        Assert.IsType<CommitterEffect.Open>(Assert.Single(askedAgain));
        Assert.IsType<CommitterEffect.Open>(Assert.Single(staged));
        Assert.Single(Commit(made));
    }

    [Fact]
    public void Answers_at_once_from_a_table_that_is_there()
    {
        Given(View(version: 0));

        Assert.IsType<PositionsFound>(Assert.Single(Replies(When(Ask(tag: 1, "a")))));
        Assert.Equal(CommitterPhase.Ready, State.Phase);
    }

    [Fact]
    public void Gives_stages_back_whose_table_is_gone()
    {
        When(Stage("a", null, 10));

        var opened = When(new CommitterEvent.Opened(MissingTableView.Instance));

        Assert.Equal(FaultKind.Missing, Assert.IsType<StageFailed>(Assert.Single(Replies(opened))).Fault.Kind);
    }

    [Fact]
    public void A_retry_that_comes_late_opens_nothing()
    {
        Given(View(version: 0));

        Assert.Empty(When(new CommitterEvent.RetryDue()));
    }

    [Fact]
    public void An_opening_that_succeeds_with_nothing_to_commit_ends_a_row_of_failures()
    {
        When(Ask(tag: 1));
        When(new CommitterEvent.Failed(Outage));
        When(new CommitterEvent.RetryDue());
        When(new CommitterEvent.Opened(View(version: 0)));
        When(Stage("a", null, 10));

        Assert.Equal(Limits.Retry.BackoffMin, Pause(When(new CommitterEvent.Failed(Outage))));
    }

    [Fact]
    public void A_commit_ends_a_row_of_failures()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));
        When(new CommitterEvent.Failed(Outage));
        When(new CommitterEvent.RetryDue());
        Now += Limits.CommitInterval;
        When(new CommitterEvent.Opened(View(version: 0)));
        When(new CommitterEvent.Committed(View(version: 1, ("a", 10))));
        Now += Limits.CommitInterval;
        When(Stage("a", 10, 20));

        Assert.Equal(Limits.Retry.BackoffMin, Pause(When(new CommitterEvent.Failed(Outage))));
    }

    [Fact]
    public void After_a_failure_everything_undecided_is_judged_anew_and_in_its_order()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));
        When(Stage("a", 10, 20));
        When(Stage("b", 5, 6));
        When(new CommitterEvent.Failed(Outage));
        When(new CommitterEvent.RetryDue());
        Now += Limits.CommitInterval;

        var opened = When(new CommitterEvent.Opened(View(version: 1, ("b", 5))));

        Assert.Equal([(Id("a"), null, 10L), (Id("a"), 10L, 20L), (Id("b"), 5L, 6L)],
            Commit(opened).Select(pending => (pending.Stage.Ranges[0].Split, pending.Stage.Ranges[0].From, pending.Stage.Ranges[0].To)));
        Assert.Empty(Replies(opened));
    }

    [Fact]
    public void When_it_gives_up_whoever_waits_is_told_once_and_what_was_known_is_forgotten()
    {
        Given(View(version: 3, ("a", 40)));
        When(Stage("a", 40, 50));
        When(Ask(tag: 7, "a"));

        var given = When(new CommitterEvent.Failed(Refusal));
        var asked = When(Ask(tag: 8, "b"));
        Now += Limits.CommitInterval;
        var opened = When(new CommitterEvent.Opened(View(version: 3, ("a", 40))));

        Assert.Equal([typeof(StageFailed), typeof(PositionsUnavailable)], Replies(given).Select(reply => reply.GetType()));
        Assert.Equal((7, Refusal), (Replies(given).OfType<PositionsUnavailable>().Single().Tag, Replies(given).OfType<PositionsUnavailable>().Single().Fault));
        Assert.IsType<CommitterEffect.Open>(Assert.Single(asked));
        Assert.Equal(8, Assert.IsType<PositionsFound>(Assert.Single(Replies(opened))).Tag);
        Assert.DoesNotContain(opened, effect => effect is CommitterEffect.Commit);
    }

    [Fact]
    public void A_stage_that_comes_after_it_gave_up_is_judged_by_the_log()
    {
        Given(View(version: 3, ("a", 40)));
        When(Stage("a", 40, 50));
        When(new CommitterEvent.Failed(Refusal));

        Assert.IsType<CommitterEffect.Open>(Assert.Single(When(Stage("a", 40, 50))));
    }

    [Fact]
    public void When_it_has_given_up_it_counts_failures_from_the_beginning()
    {
        Given(View(version: 0));
        When(Stage("a", null, 10));
        When(new CommitterEvent.Failed(Outage));
        When(new CommitterEvent.RetryDue());
        When(new CommitterEvent.Failed(Refusal));
        When(Stage("a", null, 10));

        Assert.Equal(Limits.Retry.BackoffMin, Pause(When(new CommitterEvent.Failed(Outage))));
    }

    [Theory]
    [InlineData(CommitterPhase.Opening)]
    [InlineData(CommitterPhase.Ready)]
    [InlineData(CommitterPhase.Committing)]
    public void A_stage_sent_again_counts_once_wherever_it_waits_and_the_last_sender_is_answered(CommitterPhase phase)
    {
        var stage = StageOf("a", null, 10);
        if (phase != CommitterPhase.Opening) Given(View(version: 0));
        if (phase == CommitterPhase.Ready)
        {
            When(Stage("b", null, 1));
            When(new CommitterEvent.Committed(View(version: 1, ("b", 1))));
        }

        var (early, late) = (new NamedRef("early"), new NamedRef("late"));
        When(new CommitterEvent.Staged(new PendingStage(stage, early)));
        Assert.Equal(phase, State.Phase);
        Assert.Empty(When(new CommitterEvent.Staged(new PendingStage(stage, late))));
        Now += Limits.CommitInterval;
        if (phase == CommitterPhase.Opening) Assert.Single(Commit(When(new CommitterEvent.Opened(View(version: 0)))));
        if (phase == CommitterPhase.Ready) Assert.Single(Commit(When(new CommitterEvent.FlushDue())));
        var done = When(new CommitterEvent.Committed(View(version: 2, ("a", 10))));

        Assert.Equal(late, Assert.Single(done.OfType<CommitterEffect.Reply>()).To);
    }

    private static TimeSpan Pause(IEnumerable<CommitterEffect> effects) => effects.OfType<CommitterEffect.RetryAfter>().Single().Delay;
}
