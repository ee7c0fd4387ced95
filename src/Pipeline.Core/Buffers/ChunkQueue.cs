using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Pipeline.Core.Buffers;

/// <summary>
/// Hands chunks from those who read to the one who takes them, bounded in bytes: a full queue makes readers wait, which is
/// how backpressure reaches a source's system. A chunk larger than the whole queue passes alone.
/// </summary>
/// <remarks>Dispose it when the one who takes has left: that frees the chunks nobody took and whoever waits for room.</remarks>
public sealed class ChunkQueue : IDisposable
{
    private readonly Channel<Chunk> _chunks = Channel.CreateUnbounded<Chunk>(new UnboundedChannelOptions { SingleReader = true });
    private readonly ByteBudget _budget;
    private readonly ByteShare _share;

    /// <param name="bytesMax">Bytes of chunks that nobody has taken yet.</param>
    public ChunkQueue(long bytesMax)
    {
        _budget = new ByteBudget(bytesMax);
        _share = _budget.OpenShare();
    }

    /// <summary>Bytes of chunks that nobody has taken yet.</summary>
    public long Bytes => _budget.BytesUsed;

    /// <summary>
    /// Adds a chunk, blocking the calling thread until there is room. The chunk is disposed when it cannot be added: the queue
    /// has ended, or <paramref name="cancellationToken"/> was cancelled.
    /// </summary>
    public void Add(Chunk chunk, CancellationToken cancellationToken = default)
    {
        var room = _share.AcquireAsync(chunk.Bytes);
        if (!room.IsCompleted) room.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
        Put(chunk, room, cancellationToken);
    }

    /// <summary>As <see cref="Add"/>, for readers without a thread of their own.</summary>
    public async ValueTask AddAsync(Chunk chunk, CancellationToken cancellationToken)
    {
        var room = _share.AcquireAsync(chunk.Bytes);
        if (!room.IsCompleted) await room.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Put(chunk, room, cancellationToken);
    }

    /// <summary>Nothing will be added; what is here can still be taken, then <paramref name="fault"/> is thrown. The first call counts.</summary>
    public void Complete(Exception? fault) => _chunks.Writer.TryComplete(fault);

    /// <summary>The chunks in the order in which they were added; who takes one disposes it.</summary>
    public async IAsyncEnumerable<Chunk> TakeAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var chunk in _chunks.Reader.ReadAllAsync(cancellationToken))
        {
            _share.Release(chunk.Bytes);
            yield return chunk;
        }
    }

    public void Dispose()
    {
        _chunks.Writer.TryComplete();
        _share.Dispose();
        while (_chunks.Reader.TryRead(out var chunk)) chunk.Dispose();
    }

    private void Put(Chunk chunk, Task room, CancellationToken cancellationToken)
    {
        if (room.IsCompletedSuccessfully && _chunks.Writer.TryWrite(chunk)) return;

        // Room that comes after its waiter has left belongs to the others.
        var bytes = chunk.Bytes;
        _ = room.ContinueWith(_ => _share.Release(bytes), CancellationToken.None, 
            TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        chunk.Dispose();
        cancellationToken.ThrowIfCancellationRequested();
    }
}
