using System.Collections.Immutable;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Tests;

/// <summary>A committer of one table and the words to tell what happens to it.</summary>
public abstract class CommitterScene
{
    protected static readonly TableId Table = TableId.Bronze("test", "orders");
    protected static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    protected static readonly CommitterLimits Limits = new(TimeSpan.FromMilliseconds(200), FilesMax: 4, StagesMax: 10,
        new RetryPolicy { BackoffMin = TimeSpan.FromSeconds(1), BackoffMax = TimeSpan.FromSeconds(4), AttemptsMax = 3 });

    protected BronzeCommitterState State { get; set; } = new(Table, Limits);
    protected DateTimeOffset Now { get; set; } = Noon;

    protected void Given(ITableView view)
    {
        When(Ask(tag: 0));
        When(new CommitterEvent.Opened(view));
    }

    protected ImmutableList<CommitterEffect> When(CommitterEvent message)
    {
        (State, var effects) = BronzeCommitterState.Decide(State, message, Now);
        return effects;
    }

    protected static SplitId Id(string split) => new("test", split);

    protected static CommitterEvent Ask(long tag, params string[] splits) =>
        new CommitterEvent.Asked(new PendingQuestion(new GetPositions(Table, tag, [.. splits.Select(Id)]), ActorRefs.Nobody));

    protected static CommitterEvent Stage(string split, long? from, long to) =>
        new CommitterEvent.Staged(new PendingStage(StageOf(split, from, to), ActorRefs.Nobody));

    protected static StageFiles StageOf(string split, long? from, long to) => new(Table, Guid.NewGuid(), [new StagedRange(Id(split), from, to)],
        [new StagedFile($"part-{Guid.NewGuid()}.parquet", ImmutableDictionary<string, string?>.Empty, 100, Noon, Stats: null)], to - (from ?? 0), null, null);

    protected static FakeView View(long version, params (string Split, long Position)[] positions) =>
        new(version, positions.ToDictionary(pair => Id(pair.Split), pair => pair.Position), []);

    protected static IEnumerable<object> Replies(IEnumerable<CommitterEffect> effects) => effects.OfType<CommitterEffect.Reply>().Select(reply => reply.Message);

    protected static ImmutableList<PendingStage> Commit(IEnumerable<CommitterEffect> effects) => effects.OfType<CommitterEffect.Commit>().Single().Batch;

    protected sealed class FakeView(long version, Dictionary<SplitId, long> positions, HashSet<string> files) : ITableView
    {
        public long Version => version;

        public long? Position(SplitId split) => positions.TryGetValue(split, out var position) ? position : null;

        public Dictionary<SplitId, int> Epochs { get; init; } = [];

        public int Epoch(SplitId split) => Epochs.GetValueOrDefault(split);

        public SplitMarks Marks(SplitId split) => default;

        public bool Contains(string path) => files.Contains(path);
    }
}
