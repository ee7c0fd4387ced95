using Akka.Streams;
using Akka.Streams.Dsl;
using Akka.TestKit.Xunit;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Ingest.Streams;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests.Streams;

public sealed class ReadChunksSpec : TestKit
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly ActorMaterializer _materializer;
    private readonly ByteBudget _budget = new(1_000);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ReadChunksSpec() : base("akka.loglevel = OFF, akka.stdout-loglevel = OFF") => _materializer = Sys.Materializer();

    public static TheoryData<Exception> Thrown =>
    [
        new PipelineException(FaultKind.Unreachable, "Source", "is away", "Wait."), new InvalidOperationException("a defect"),
    ];

    [Theory, MemberData(nameof(Thrown))]
    public async Task A_source_that_throws_while_it_closes_is_closed_and_has_failed(Exception thrown)
    {
        var source = new EndlessSource(_ => throw thrown);
        var (reading, _) = Run(_ => source);
        await source.Asked.WaitAsync(Deadline, Cancel);

        reading.Stop();

        Assert.Same(thrown, await Assert.ThrowsAsync(thrown.GetType(), () => reading.Closed.WaitAsync(Deadline, Cancel)));
    }

    [Fact]
    public async Task A_source_that_is_cancelled_while_it_closes_is_closed()
    {
        var source = new EndlessSource(stopping => stopping.ThrowIfCancellationRequested());
        var (reading, done) = Run(_ => source);
        await source.Asked.WaitAsync(Deadline, Cancel);

        reading.Stop();

        await reading.Closed.WaitAsync(Deadline, Cancel);
        await done.WaitAsync(Deadline, Cancel);
    }

    [Fact]
    public async Task A_time_out_of_the_source_is_not_the_end_of_its_data()
    {
        var (reading, done) = Run(_ => TimedOut());

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => done.WaitAsync(Deadline, Cancel));
        await reading.Closed.WaitAsync(Deadline, Cancel);
    }

    [Fact]
    public async Task A_source_that_cannot_be_opened_fails_the_stream()
    {
        var (reading, done) = Run(_ => throw new InvalidOperationException("a defect"));

        await Assert.ThrowsAsync<InvalidOperationException>(() => done.WaitAsync(Deadline, Cancel));
        await reading.Closed.WaitAsync(Deadline, Cancel);
    }

    private (Reading Reading, Task Done) Run(Func<CancellationToken, IAsyncEnumerable<Chunk>> open) =>
        Source.FromGraph(new ReadChunks(open, _budget.OpenShare())).ToMaterialized(Sink.Ignore<Chunk>(), (reading, done) => (reading, (Task)done)).Run(_materializer);

    private static async IAsyncEnumerable<Chunk> TimedOut()
    {
        await Task.Yield();
        throw new TaskCanceledException("a time-out");
#pragma warning disable CS0162 // What makes it an iterator.
        yield break;
#pragma warning restore CS0162
    }

    /// <summary>Has nothing to give until it is stopped.</summary>
    private sealed class EndlessSource(Action<CancellationToken> close) : IAsyncEnumerable<Chunk>, IAsyncEnumerator<Chunk>
    {
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private CancellationToken _stopping;

        public Task Asked => _asked.Task;

        public Chunk Current => throw new InvalidOperationException("There is none.");

        public IAsyncEnumerator<Chunk> GetAsyncEnumerator(CancellationToken cancellationToken = default)
        {
            _stopping = cancellationToken;
            return this;
        }

        public async ValueTask<bool> MoveNextAsync()
        {
            _asked.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, _stopping);
            return true;
        }

        public ValueTask DisposeAsync()
        {
            close(_stopping);
            return ValueTask.CompletedTask;
        }
    }
}
