using System.Collections.Immutable;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Tests;

/// <summary>What a committer makes of stages that no worker of ours sends: nothing.</summary>
public sealed class PoisonedStageSpec : CommitterScene
{
    [Theory]
    [InlineData("../../../../../etc/passwd")]
    [InlineData("date=2026-03-01/../../other/part-0.parquet")]
    [InlineData("./part-0.parquet")]
    [InlineData("/etc/passwd")]
    [InlineData("C:/part-0.parquet")]
    [InlineData(@"..\part-0.parquet")]
    [InlineData("file:///etc/passwd")]
    [InlineData("s3://bucket/part-0.parquet")]
    [InlineData("%2e%2e/part-0.parquet")]
    [InlineData("part-*.parquet")]
    [InlineData("part-[0-9].parquet")]
    [InlineData("{a,b}.parquet")]
    [InlineData("date=1//part-0.parquet")]
    [InlineData("date=1/")]
    [InlineData("part\n0.parquet")]
    [InlineData("_delta_log/00000000000000000009.json")]
    [InlineData("")]
    public void A_file_outside_of_the_table_is_not_committed(string path)
    {
        Given(View(version: 3, ("a", 100)));

        var effects = When(Stage([new StagedRange(Id("a"), 100, 200)], File(path)));

        AssertTurnedAway(effects);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("back")]
    [InlineData("twice")]
    [InlineData("another source")]
    public void A_position_that_no_reading_could_have_reached_is_not_committed(string which)
    {
        Given(View(version: 3, ("a", 100)));
        ImmutableArray<StagedRange> ranges = which switch
        {
            "none" => [],
            "back" => [new StagedRange(Id("a"), 100, 99)],
            "twice" => [new StagedRange(Id("a"), 100, 200), new StagedRange(Id("a"), 100, 5_000)],
            _ => [new StagedRange(Id("a"), 100, 200), new StagedRange(new SplitId("other", "a"), null, 5_000)],
        };

        AssertTurnedAway(When(Stage(ranges, File("part-0.parquet"))));
    }

    [Fact]
    public void A_range_that_ends_where_it_begins_goes_not_back()
    {
        Given(View(version: 3, ("a", 100)));

        Assert.Single(Commit(When(Stage([new StagedRange(Id("a"), 100, 100)], File("part-0.parquet")))));
    }

    [Theory]
    [InlineData(200, "")]
    [InlineData(201, "…")]
    public void Of_what_was_put_into_a_stage_people_see_two_hundred_characters(int length, string behind)
    {
        Given(View(version: 3, ("a", 100)));

        var failed = Assert.IsType<StageFailed>(Assert.Single(Replies(When(Stage([new StagedRange(Id("a"), 100, 200)], File(new string('*', length)))))));

        Assert.Contains($"'{new string('*', 200)}{behind}'", failed.Fault.Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(99L)]
    [InlineData(101L)]
    [InlineData(4_999L)]
    public void A_position_that_does_not_follow_the_committed_one_is_refused(long? from)
    {
        Given(View(version: 3, ("a", 100)));

        var effects = When(Stage([new StagedRange(Id("a"), from, 5_000)]));
        if (State.Phase == CommitterPhase.Opening) effects = When(new CommitterEvent.Opened(View(version: 3, ("a", 100))));

        Assert.IsType<StageRefused>(Assert.Single(Replies(effects)));
        Assert.Empty(State.Gathered);
    }

    [Fact]
    public void A_stage_for_another_table_a_file_named_twice_an_empty_one_and_fewer_rows_than_none_are_not_committed()
    {
        Given(View(version: 3, ("a", 100)));
        var stage = StageOf("a", 100, 200);

        AssertTurnedAway(When(Staged(stage with { Table = TableId.Bronze("test", "others") })));
        AssertTurnedAway(When(Staged(stage with { Files = [stage.Files[0], stage.Files[0]] })));
        AssertTurnedAway(When(Staged(stage with { Files = [stage.Files[0] with { Size = 0 }] })));
        AssertTurnedAway(When(Staged(stage with { Rows = -1 })));
        Assert.Single(Commit(When(Staged(stage))));
    }

    [Fact]
    public void Stages_whose_files_are_not_in_the_lake_are_turned_away_and_the_others_of_their_commit_go_on()
    {
        Given(View(version: 3, ("a", 100), ("b", 10)));
        Commit(When(Stage("c", null, 1)));
        var unfounded = StageOf("a", 100, 200);
        When(Staged(unfounded));
        When(Stage("b", 10, 20));
        When(Stage("a", 200, 300));
        When(new CommitterEvent.Committed(View(version: 4, ("a", 100), ("b", 10), ("c", 1))));
        Assert.Equal(3, Commit(When(new CommitterEvent.FlushDue())).Count);

        var effects = When(new CommitterEvent.Unfounded(ImmutableDictionary<Guid, Fault>.Empty.Add(unfounded.Id, Fault())));

        Assert.Equal(Fault(), Assert.Single(effects.OfType<CommitterEffect.TellTurnedAway>()).Fault);
        Assert.Equal(unfounded.Id, Assert.Single(Replies(effects).OfType<StageFailed>()).Id);
        // What the same worker wrote behind it no longer follows.
        Assert.Single(Replies(effects).OfType<StageRefused>());
        Assert.Equal(Id("b"), Assert.Single(State.Gathered.Concat(State.InCommit)).Stage.Ranges[0].Split);
    }

    [Fact]
    public void What_waits_behind_a_commit_with_unfounded_stages_is_judged_after_those_of_the_commit()
    {
        Given(View(version: 3, ("a", 100)));
        var unfounded = StageOf("b", null, 5);
        When(Staged(unfounded));
        When(Stage("a", 100, 200));
        When(Stage("a", 300, 400));
        Assert.Equal((1, 1, 1), (State.InCommit.Count, State.Gathered.Count, State.Arrived.Count));
        Now += Limits.CommitInterval;

        var effects = When(new CommitterEvent.Unfounded(ImmutableDictionary<Guid, Fault>.Empty.Add(unfounded.Id, Fault())));

        Assert.Equal(100, Assert.Single(Commit(effects)).Stage.Ranges[0].From);
        // The log was read for the commit: a stage that starts beyond it does not have it read again.
        Assert.IsType<StageRefused>(Assert.Single(Replies(effects), reply => reply is not StageFailed));
        Assert.DoesNotContain(effects, effect => effect is CommitterEffect.Open);
    }

    private static Fault Fault() => new(FaultKind.Invalid, "A stage", "its file is not there", "Look.");

    private static StagedFile File(string path) => new(path, ImmutableDictionary<string, string?>.Empty, 100, Noon, Stats: null);

    private static CommitterEvent Stage(ImmutableArray<StagedRange> ranges, params ImmutableArray<StagedFile> files) =>
        Staged(new StageFiles(Table, Guid.NewGuid(), ranges, files, Rows: files.Length, NewestEventAt: null, Schema: null));

    private static CommitterEvent Staged(StageFiles stage) => new CommitterEvent.Staged(new PendingStage(stage, ActorRefs.Nobody));

    private void AssertTurnedAway(ImmutableList<CommitterEffect> effects)
    {
        var fault = Assert.IsType<StageFailed>(Assert.Single(Replies(effects))).Fault;
        Assert.Equal(FaultKind.Invalid, fault.Kind);
        Assert.DoesNotContain('\n', fault.ToString());
        Assert.Equal(fault, Assert.Single(effects.OfType<CommitterEffect.TellTurnedAway>()).Fault);
        Assert.Empty(State.Gathered);
        Assert.Empty(State.InCommit);
        Assert.Empty(State.Arrived);
    }
}
