using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Storage;
using static Pipeline.Delta.Tests.TestTables;

namespace Pipeline.Delta.Tests.Maintenance;

public sealed class CheckpointScheduleSpec : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly LogLines _log = new();

    public static TheoryData<Exception> Thrown =>
    [
        new PipelineException(FaultKind.Unreachable, "Store", "is away", "Wait."), new InvalidOperationException("a defect"), new TaskCanceledException("a time-out"),
    ];

    [Theory, MemberData(nameof(Thrown))]
    public async Task A_checkpoint_that_failed_is_told_and_made_with_a_later_commit(Exception thrown)
    {
        var store = new NoCheckpoints(_scratch.Store());
        var table = await OpenAsync(store, checkpointInterval: 2);

        store.Thrown = thrown;
        await CommitAsync(table, 2);
        Assert.Same(thrown, table.CheckpointFailure);
        Assert.Contains(thrown.Message, Assert.Single(_log.Warnings), StringComparison.Ordinal);

        store.Thrown = null;
        await CommitAsync(table, 1);
        Assert.NotNull(table.CheckpointFailure);
        _time.Advance(TimeSpan.FromSeconds(1));
        await CommitAsync(table, 1);

        Assert.Null(table.CheckpointFailure);
        Assert.Equal([4], store.Written);
        Assert.Single(_log.Warnings);
    }

    [Fact]
    public async Task A_checkpoint_that_failed_is_tried_again_before_the_next_one_is_due()
    {
        var store = new NoCheckpoints(_scratch.Store()) { Thrown = new InvalidOperationException("a defect") };
        var table = await OpenAsync(store, checkpointInterval: 2);
        await CommitAsync(table, 2);

        store.Thrown = null;
        _time.Advance(TimeSpan.FromSeconds(1));
        await CommitAsync(table, 1);

        Assert.Equal([3], store.Written);
    }

    [Fact]
    public async Task One_that_goes_on_failing_is_tried_less_and_less_often()
    {
        var store = new NoCheckpoints(_scratch.Store()) { Thrown = new InvalidOperationException("a defect") };
        var table = await OpenAsync(store, checkpointInterval: 25);
        await CommitAsync(table, 25);

        for (var second = 1; second <= 20; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await CommitAsync(table, 1);
        }

        // At 0, 1, 3, 7 and 15 seconds.
        Assert.Equal(5, _log.Warnings.Count);
    }

    public void Dispose() => _scratch.Dispose();

    private ValueTask<DeltaTable> OpenAsync(IObjectStore store, int checkpointInterval) =>
        DeltaTable.OpenOrCreateAsync(store, "t", KeyAndText, [], NoConfiguration.Add("delta.checkpointInterval", checkpointInterval.ToString()), _time, _log,
            TestContext.Current.CancellationToken);

    private static async Task CommitAsync(DeltaTable table, int commits)
    {
        for (var commit = 0; commit < commits; commit++)
        {
            await AppendAsync(table, commit);
            await table.PendingCheckpoint;
        }
    }

    /// <summary>Fails to write checkpoints, or remembers their versions.</summary>
    private sealed class NoCheckpoints(IObjectStore inner) : StoreDecorator(inner)
    {
        public Exception? Thrown { get; set; }

        public List<long> Written { get; } = [];

        public override ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken)
        {
            if (!path.EndsWith(".checkpoint.parquet", StringComparison.Ordinal)) return Inner.OpenUploadAsync(path, cancellationToken);
            if (Thrown is not null) throw Thrown;
            Written.Add(long.Parse(Path.GetFileName(path).Split('.')[0]));
            return Inner.OpenUploadAsync(path, cancellationToken);
        }
    }
}
