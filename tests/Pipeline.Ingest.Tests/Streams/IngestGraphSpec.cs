using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Akka.Streams;
using Akka.TestKit.Xunit;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Ingest.Streams;
using Pipeline.Ingest.Worker;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests.Streams;

/// <summary>The whole path from chunks to commits, with a source and a committer of the test's own.</summary>
public sealed class IngestGraphSpec : TestKit
{
    private static readonly TimeSpan Deadline = Deadlines.Test;
    private static readonly SplitId Split = new("test", "orders/0");
    private const string Identity = "test/7";

    /// <summary>Every chunk is a roll of its own.</summary>
    private static readonly IngestOptions RollEach = new() { FileBytesMax = 1, FileAgeMax = TimeSpan.FromHours(1), PipelineDepth = 2 };

    private readonly LakeOracle _oracle = new();
    private readonly ByteBudget _budget = new(1_000);
    private readonly ConcurrentQueue<Roll> _commits = new();
    private readonly IngestMeter _meter;

    public IngestGraphSpec() : base($"akka.loglevel = OFF, akka.stdout-loglevel = OFF, {IngestGraph.WriterDispatcher}.type = Dispatcher") => _meter = new IngestMeter(_budget);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rolls_are_committed_one_after_the_other_in_the_order_of_their_positions()
    {
        var underWay = 0;
        var graph = await RunAsync(RollEach, Chunks(20), async (_, _) =>
        {
            Assert.Equal(1, Interlocked.Increment(ref underWay));
            await Task.Yield();
            Interlocked.Decrement(ref underWay);
        });

        await graph.Completion.WaitAsync(Deadline, Cancel);

        var ranges = _commits.Select(roll => Assert.Single(Assert.Single(roll.Stages).Ranges)).ToList();
        Assert.Equal([0, .. ranges.Take(ranges.Count - 1).Select(range => range.To)], ranges.Select(range => range.From!.Value));
        Assert.Equal(20, ranges[^1].To);
        Assert.All(_commits.SkipLast(1), roll => Assert.Null(Assert.Single(roll.Stages).IsEnd));
        Assert.Equal(0, _budget.BytesUsed);
    }

    [Fact]
    public async Task A_source_is_asked_whether_what_it_brought_is_of_the_history_that_the_reading_began_with()
    {
        var source = Chunks(3);
        var graph = await RunAsync(RollEach, source, (_, _) => Task.CompletedTask);

        await graph.Completion.WaitAsync(Deadline, Cancel);

        Assert.Equal(Identity, Assert.Single(source.LookedBack).Identity);
        Assert.Equal(3, source.Confirmed.Count);
        Assert.All(source.Confirmed, read => Assert.Equal((Split, Identity), (Assert.Single(read).Id, Assert.Single(read).Identity)));
    }

    [Fact]
    public async Task An_old_file_is_committed_though_no_further_chunk_comes()
    {
        var committed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var graph = await RunAsync(new IngestOptions { FileAgeMax = TimeSpan.FromMilliseconds(20) }, Chunks(1, isEndless: true), (_, _) =>
        {
            committed.TrySetResult();
            return Task.CompletedTask;
        });

        await committed.Task.WaitAsync(Deadline, Cancel);

        graph.Abort();
        await graph.Completion.WaitAsync(Deadline, Cancel);
    }

    [Fact]
    public async Task Positions_without_rows_are_committed_by_their_own_age()
    {
        var committed = new TaskCompletionSource<Roll>(TaskCreationOptions.RunContinuationsAsynchronously);
        var graph = await RunAsync(new IngestOptions { FileAgeMax = TimeSpan.FromHours(1), PositionAgeMax = TimeSpan.FromMilliseconds(20) },
            Chunks(1, isEndless: true, rows: 0), (roll, _) =>
            {
                committed.TrySetResult(roll);
                return Task.CompletedTask;
            });

        var stage = Assert.Single((await committed.Task.WaitAsync(Deadline, Cancel)).Stages);

        Assert.Empty(stage.Files);
        graph.Abort();
        await graph.Completion.WaitAsync(Deadline, Cancel);
    }

    [Fact]
    public async Task What_is_open_when_a_reading_reaches_its_end_is_committed_at_once_however_young_it_is()
    {
        var committed = new TaskCompletionSource<Roll>(TaskCreationOptions.RunContinuationsAsynchronously);
        var source = Chunks(3, isEndless: true, seesEnd: true);
        var graph = await RunAsync(new IngestOptions { FileAgeMax = TimeSpan.FromHours(1), PositionAgeMax = TimeSpan.FromHours(1) }, source, (roll, _) =>
        {
            committed.TrySetResult(roll);
            return Task.CompletedTask;
        });

        var stage = Assert.Single((await committed.Task.WaitAsync(Deadline, Cancel)).Stages);

        Assert.Equal((3, 3), (stage.Rows, stage.Ranges.Single().To));
        Assert.True(stage.IsEnd);
        graph.Abort();
        await graph.Completion.WaitAsync(Deadline, Cancel);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Where_the_reading_of_a_split_ends_for_now_is_committed_at_once_with_rows_or_without(int rows)
    {
        var committed = new TaskCompletionSource<Roll>(TaskCreationOptions.RunContinuationsAsynchronously);
        var graph = await RunAsync(new IngestOptions { FileAgeMax = TimeSpan.FromHours(1), PositionAgeMax = TimeSpan.FromHours(1) }, Chunks(3, isEndless: true, rows), (roll, _) =>
        {
            committed.TrySetResult(roll);
            return Task.CompletedTask;
        }, end: 3);

        var stage = Assert.Single((await committed.Task.WaitAsync(Deadline, Cancel)).Stages);

        Assert.Equal((3 * rows, 3), (stage.Rows, stage.Ranges.Single().To));
        Assert.True(stage.IsEnd);
        graph.Abort();
        await graph.Completion.WaitAsync(Deadline, Cancel);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task That_a_reading_has_reached_its_end_is_told_also_when_there_was_nothing_new(int chunks)
    {
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var graph = await RunAsync(new IngestOptions(), Chunks(chunks, isEndless: true, seesEnd: true), (_, _) => Task.CompletedTask, onEnd: told.SetResult);

        await told.Task.WaitAsync(Deadline, Cancel);

        graph.Abort();
        await graph.Completion.WaitAsync(Deadline, Cancel);
    }

    [Fact]
    public async Task Drained_it_commits_what_is_open_and_lets_go_of_the_source()
    {
        var source = Chunks(3, isEndless: true);
        var graph = await RunAsync(new IngestOptions { FileAgeMax = TimeSpan.FromHours(1) }, source, (_, _) => Task.CompletedTask);
        await source.Idle.WaitAsync(Deadline, Cancel);

        graph.Drain();
        await graph.Completion.WaitAsync(Deadline, Cancel);

        Assert.Equal(3, _commits.Sum(roll => roll.Stages.Sum(stage => stage.Rows)));
        Assert.True(source.IsClosed);
    }

    [Fact]
    public async Task Aborted_it_deletes_its_files_but_those_that_it_has_handed_over()
    {
        var handed = new TaskCompletionSource<Roll>(TaskCreationOptions.RunContinuationsAsynchronously);
        var source = Chunks(20);
        var graph = await RunAsync(RollEach, source, async (roll, cancel) =>
        {
            handed.TrySetResult(roll);
            await Task.Delay(Timeout.InfiniteTimeSpan, cancel);
        });
        var roll = await handed.Task.WaitAsync(Deadline, Cancel);

        graph.Abort();
        await graph.Completion.WaitAsync(Deadline, Cancel);

        Assert.Equal([Path.GetFileName(roll.Stages[0].Files[0].Path)], DataFiles());
        Assert.Single(_commits);
        Assert.True(source.IsClosed);
        Assert.Equal(0, _budget.BytesUsed);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_breaks_the_source_ends_the_graph_and_leaves_nothing_behind(bool isDefect)
    {
        Exception cause = isDefect ? new InvalidOperationException("a defect") : new PipelineException(FaultKind.Unreachable, "Source", "is away", "Wait.");
        var source = Chunks(3, failure: cause);
        var graph = await RunAsync(new IngestOptions { FileAgeMax = TimeSpan.FromHours(1) }, source, (_, _) => Task.CompletedTask);

        Assert.Same(cause, await Assert.ThrowsAsync(cause.GetType(), () => graph.Completion.WaitAsync(Deadline, Cancel)));

        Assert.Empty(_commits);
        Assert.Empty(DataFiles());
        Assert.True(source.IsClosed);
        Assert.Equal(0, _budget.BytesUsed);
    }

    [Fact]
    public async Task Rolls_behind_one_that_cannot_be_completed_are_given_up()
    {
        var store = new UnreliableStore(_oracle.Lake.Store, seed: 1);
        var first = true;
        var graph = await RunAsync(RollEach, Chunks(20), (_, _) =>
        {
            if (first) store.IsFull = true;
            first = false;
            return Task.CompletedTask;
        }, store);

        var error = await Assert.ThrowsAsync<PipelineException>(() => graph.Completion.WaitAsync(Deadline, Cancel));

        Assert.Equal(FaultKind.StorageFull, error.Kind);
        var ranges = _commits.Select(roll => roll.Stages[0].Ranges[0]).ToList();
        Assert.Equal([0, .. ranges.Take(ranges.Count - 1).Select(range => range.To)], ranges.Select(range => range.From!.Value));
        Assert.True(ranges[^1].To < 20);
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        _meter.Dispose();
        _oracle.Dispose();
    }

    private string[] DataFiles() =>
        [.. Directory.EnumerateFiles(_oracle.Root, "*.parquet", SearchOption.AllDirectories).Select(file => Path.GetFileName(file)!).Where(name => !name.Contains("checkpoint", StringComparison.Ordinal))];

    private async Task<IngestGraph> RunAsync(IngestOptions options, FakeSource source, Func<Roll, CancellationToken, Task> commit, UnreliableStore? store = null, Action? onEnd = null, long? end = null)
    {
        var lake = store is null ? _oracle.Lake : new Pipeline.Delta.Lake(store, TimeProvider.System);
        var orders = await BronzeTable.OpenAsync(lake, TableId.Bronze("test", "orders"), RollScene.Rows(0).Schema, Cancel);
        var start = new SplitStart(new Split(Split, ["orders"]) { Identity = Identity }, 0, ImmutableDictionary<TableId, long?>.Empty.Add(orders.Id, 0)) { End = end };
        var setup = new GraphSetup(source, [start], new Dictionary<string, BronzeTable>(StringComparer.Ordinal) { ["orders"] = orders },
            _ => throw new InvalidOperationException("No dead letter was expected."), options, _budget, _meter, TimeProvider.System, (roll, cancel) =>
            {
                _commits.Enqueue(roll);
                return commit(roll, cancel);
            })
        {
            OnEnd = onEnd ?? (() => { }),
        };
        return IngestGraph.Run(setup, Sys.Materializer());
    }

    private static FakeSource Chunks(int count, bool isEndless = false, int rows = 1, Exception? failure = null, bool seesEnd = false) => new(count, isEndless, rows, failure, seesEnd);

    /// <summary>Gives chunks of one position each, then waits, fails or ends.</summary>
    private sealed class FakeSource(int count, bool isEndless, int rows, Exception? failure, bool seesEnd) : ISource
    {
        private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Completes when everything has been taken.</summary>
        public Task Idle => _idle.Task;

        public bool IsClosed { get; private set; }

        public ConcurrentQueue<SplitPosition> LookedBack { get; } = new();

        public ConcurrentQueue<IReadOnlyCollection<Split>> Confirmed { get; } = new();

        public string Name => "test";

        public IReadOnlyList<SourceTable> Tables => [new SourceTable("orders", 1)];

        public async IAsyncEnumerable<Chunk> ReadAsync(IReadOnlyList<SplitPosition> from, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            try
            {
                for (var i = 0; i < count; i++)
                    yield return new Chunk(Split, "orders", new PositionRange(i, i + 1), rows == 0 ? null : RollScene.Rows(i), bytes: 1);
                _idle.TrySetResult();
                if (failure is not null) throw failure;
                if (isEndless) await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            }
            finally
            {
                IsClosed = true;
            }
        }

        public ValueTask<Schema> DescribeAsync(string table, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<IReadOnlyList<Split>> ListSplitsAsync(string table, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<IReadOnlyList<SplitStanding>> LookBackAsync(IReadOnlyList<SplitPosition> left, CancellationToken cancellationToken)
        {
            foreach (var split in left) LookedBack.Enqueue(split);
            return new([.. left.Select(split => new SplitStanding(split.Split, Beginning: null))]);
        }

        public ValueTask ConfirmAsync(IReadOnlyCollection<Split> read, CancellationToken cancellationToken)
        {
            Confirmed.Enqueue(read);
            return ValueTask.CompletedTask;
        }

        public ValueTask AcknowledgeAsync(SplitId split, long position, CancellationToken cancellationToken) => throw new NotSupportedException();

        public SplitLook? LastLook(SplitId split) => seesEnd && Idle.IsCompleted ? new SplitLook(count, TimeProvider.System.GetTimestamp()) : null;

        public ValueTask<IReadOnlyList<Finding>> CheckAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
