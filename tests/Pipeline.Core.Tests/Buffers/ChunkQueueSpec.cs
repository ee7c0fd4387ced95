using Pipeline.Core.Buffers;

namespace Pipeline.Core.Tests.Buffers;

public sealed class ChunkQueueSpec
{
    private static readonly SplitId Split = new("events", "orders/0");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Gives_chunks_in_order_then_the_fault()
    {
        using var queue = new ChunkQueue(100);
        queue.Add(new Memory().Chunk(from: 0, bytes: 10), Cancel);
        await queue.AddAsync(new Memory().Chunk(from: 1, bytes: 10), Cancel);
        queue.Complete(new InvalidOperationException("the reader's last word"));
        queue.Complete(fault: null);

        var taken = new List<long>();
        var fault = await Assert.ThrowsAsync<InvalidOperationException>(async () =>
        {
            await foreach (var chunk in queue.TakeAllAsync(Cancel)) taken.Add(chunk.Range.From);
        });

        Assert.Equal([0, 1], taken);
        Assert.Equal("the reader's last word", fault.Message);
        Assert.Equal(0, queue.Bytes);
    }

    [Fact]
    public async Task Makes_readers_wait_while_it_is_full_in_bytes()
    {
        using var queue = new ChunkQueue(100);
        await using var taker = queue.TakeAllAsync(Cancel).GetAsyncEnumerator(Cancel);
        queue.Add(new Memory().Chunk(from: 0, bytes: 60), Cancel);
        var blocked = Task.Run(() => queue.Add(new Memory().Chunk(from: 1, bytes: 60), Cancel), Cancel);
        var waiting = queue.AddAsync(new Memory().Chunk(from: 2, bytes: 60), Cancel).AsTask();
        Assert.False(blocked.IsCompleted || waiting.IsCompleted);
        Assert.InRange(queue.Bytes, 120, 180);

        for (var taken = 0; taken < 3; taken++) Assert.True(await taker.MoveNextAsync());

        await Task.WhenAll(blocked, waiting);
        Assert.Equal(0, queue.Bytes);
    }

    [Fact]
    public async Task Lets_a_chunk_larger_than_itself_pass_alone()
    {
        using var queue = new ChunkQueue(100);
        await using var taker = queue.TakeAllAsync(Cancel).GetAsyncEnumerator(Cancel);
        queue.Add(new Memory().Chunk(from: 0, bytes: 1_000), Cancel);
        var next = queue.AddAsync(new Memory().Chunk(from: 1, bytes: 1), Cancel).AsTask();
        Assert.False(next.IsCompleted);

        Assert.True(await taker.MoveNextAsync());

        await next;
        Assert.Equal(1, queue.Bytes);
    }

    [Fact]
    public async Task Frees_what_nobody_took_and_whoever_waits_when_its_taker_has_left()
    {
        Memory there = new(), waiting = new(), late = new();
        var queue = new ChunkQueue(100);
        queue.Add(there.Chunk(from: 0, bytes: 100), Cancel);
        var adding = queue.AddAsync(waiting.Chunk(from: 1, bytes: 100), Cancel).AsTask();

        queue.Dispose();
        await adding;
        queue.Add(late.Chunk(from: 2, bytes: 100), Cancel);
        queue.Complete(new InvalidOperationException("nobody listens"));

        Assert.True(there.IsFree && waiting.IsFree && late.IsFree);
        Assert.Equal(0, queue.Bytes);
    }

    [Fact]
    public async Task A_reader_that_gave_up_waiting_leaves_its_room_to_the_others()
    {
        using var queue = new ChunkQueue(100);
        await using var taker = queue.TakeAllAsync(Cancel).GetAsyncEnumerator(Cancel);
        using var leaving = new CancellationTokenSource();
        var left = new Memory();
        queue.Add(new Memory().Chunk(from: 0, bytes: 100), Cancel);
        var adding = queue.AddAsync(left.Chunk(from: 1, bytes: 100), leaving.Token).AsTask();
        var other = queue.AddAsync(new Memory().Chunk(from: 2, bytes: 100), Cancel).AsTask();

        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => adding);
        Assert.True(left.IsFree);
        Assert.True(await taker.MoveNextAsync());

        await other;
        Assert.True(await taker.MoveNextAsync());
        Assert.Equal(2, taker.Current.Range.From);
    }

    /// <summary>What a chunk owns.</summary>
    private sealed class Memory : IDisposable
    {
        private volatile bool _isFree;

        public bool IsFree => _isFree;

        public Chunk Chunk(long from, long bytes) => new(Split, "orders", new PositionRange(from, from + 1), rows: null, bytes: bytes, memory: this);

        public void Dispose() => _isFree = true;
    }
}
