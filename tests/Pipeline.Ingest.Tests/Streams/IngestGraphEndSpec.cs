using System.Collections.Immutable;
using Akka.Streams;
using Akka.TestKit.Xunit;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Ingest.Streams;
using Pipeline.Ingest.Worker;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests.Streams;

public sealed class IngestGraphEndSpec : TestKit
{
    private const string Dispatcher = "pipeline.ingest.writer-dispatcher { type = Dispatcher, throughput = 100 }";
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly ByteBudget _budget = new(1_000);

    public IngestGraphEndSpec() : base($"akka.loglevel = OFF, akka.stdout-loglevel = OFF\n{Dispatcher}")
    {
    }

    public static TheoryData<Exception?> ThrownWhileClosing =>
    [
        (Exception?)null, new PipelineException(FaultKind.Unreachable, "Source", "is away", "Wait."), new InvalidOperationException("a defect"),
    ];

    [Theory, MemberData(nameof(ThrownWhileClosing))]
    public async Task Ends_when_it_is_drained_whatever_its_source_throws_while_it_closes(Exception? thrown)
    {
        var source = new EndlessSource(thrown);
        var graph = Run(source);
        await source.Asked.WaitAsync(Deadline, TestContext.Current.CancellationToken);

        graph.Drain();

        Assert.Same(thrown, await Record.ExceptionAsync(() => graph.Completion.WaitAsync(Deadline, TestContext.Current.CancellationToken)));
    }

    [Theory, MemberData(nameof(ThrownWhileClosing))]
    public async Task Ends_when_it_is_aborted_whatever_its_source_throws_while_it_closes(Exception? thrown)
    {
        var source = new EndlessSource(thrown);
        var graph = Run(source);
        await source.Asked.WaitAsync(Deadline, TestContext.Current.CancellationToken);

        graph.Abort();

        Assert.Same(thrown, await Record.ExceptionAsync(() => graph.Completion.WaitAsync(Deadline, TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task Ends_though_its_source_never_closes()
    {
        var source = new EndlessSource(null) { NeverCloses = true };
        var graph = Run(source, new IngestOptions { DrainTimeout = TimeSpan.FromMilliseconds(50) });
        await source.Asked.WaitAsync(Deadline, TestContext.Current.CancellationToken);

        graph.Abort();

        var failure = Assert.IsType<PipelineException>(await Record.ExceptionAsync(() => graph.Completion.WaitAsync(Deadline, TestContext.Current.CancellationToken)));
        Assert.Contains("has not ended reading", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ends_with_what_reading_threw_and_not_with_what_closing_threw_after_it()
    {
        var broken = new TaskCanceledException("a time-out");

        var graph = Run(new EndlessSource(new InvalidOperationException("while closing")) { ReadThrows = broken });

        Assert.Same(broken, await Record.ExceptionAsync(() => graph.Completion.WaitAsync(Deadline, TestContext.Current.CancellationToken)));
    }

    private IngestGraph Run(EndlessSource source, IngestOptions? options = null)
    {
        var start = new SplitStart(new Split(new SplitId("app", "users/0"), ["users"]), From: null, ImmutableDictionary<TableId, long?>.Empty);
        return IngestGraph.Run(new GraphSetup(source, [start], ImmutableDictionary<string, BronzeTable>.Empty, _ => throw new InvalidOperationException("no dead letters"),
            options ?? new IngestOptions(), _budget, new IngestMeter(_budget), TimeProvider.System, (_, _) => Task.CompletedTask), Sys.Materializer());
    }

    /// <summary>Has nothing to give until it is stopped; may throw when it is closed.</summary>
    private sealed class EndlessSource(Exception? thrownWhileClosing) : ISource, IAsyncEnumerable<Chunk>, IAsyncEnumerator<Chunk>
    {
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private CancellationToken _stopping;

        public Task Asked => _asked.Task;

        public Exception? ReadThrows { get; init; }

        public bool NeverCloses { get; init; }

        public string Name => "app";

        public IReadOnlyList<SourceTable> Tables => [];

        public Chunk Current => throw new InvalidOperationException("There is none.");

        public ValueTask<Schema> DescribeAsync(string table, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<IReadOnlyList<Split>> ListSplitsAsync(string table, CancellationToken cancellationToken) => throw new NotSupportedException();

        public IAsyncEnumerable<Chunk> ReadAsync(IReadOnlyList<SplitPosition> from, CancellationToken cancellationToken) => this;

        public ValueTask<IReadOnlyList<SplitStanding>> LookBackAsync(IReadOnlyList<SplitPosition> left, CancellationToken cancellationToken) =>
            new([.. left.Select(split => new SplitStanding(split.Split, Beginning: null))]);

        public ValueTask ConfirmAsync(IReadOnlyCollection<Split> read, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ValueTask AcknowledgeAsync(SplitId split, long position, CancellationToken cancellationToken) => throw new NotSupportedException();

        public SplitLook? LastLook(SplitId split) => null;

        public ValueTask<IReadOnlyList<Finding>> CheckAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public IAsyncEnumerator<Chunk> GetAsyncEnumerator(CancellationToken cancellationToken = default)
        {
            _stopping = cancellationToken;
            return this;
        }

        public async ValueTask<bool> MoveNextAsync()
        {
            _asked.TrySetResult();
            if (ReadThrows is not null) throw ReadThrows;
            await Task.Delay(Timeout.InfiniteTimeSpan, _stopping);
            return true;
        }

        public ValueTask DisposeAsync() => NeverCloses ? new ValueTask(Task.Delay(Timeout.Infinite)) : thrownWhileClosing is null ? ValueTask.CompletedTask : throw thrownWhileClosing;
    }
}
