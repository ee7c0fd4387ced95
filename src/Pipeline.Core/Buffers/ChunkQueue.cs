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
    private readonly ByteShare _share;
    private long _bytes;

    /// <param name="bytesMax">Bytes of chunks that wait to be taken.</param>
    public ChunkQueue(long bytesMax) => _share = new ByteBudget(bytesMax).OpenShare();

    /// <summary>Bytes of chunks that nobody has taken yet, those that wait for room among them.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>
    /// Adds a chunk, blocking the calling thread until there is room. The chunk is disposed when it cannot be added: the queue
    /// has ended, or <paramref name="cancellationToken"/> was cancelled.
    /// </summary>
    public void Add(Chunk chunk, CancellationToken cancellationToken = default)
    {
        var room = AcquireAsync(chunk);
        if (!room.IsCompleted) room.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
        Put(chunk, room, cancellationToken);
    }

    /// <summary>As <see cref="Add"/>, for readers without a thread of their own.</summary>
    public async ValueTask AddAsync(Chunk chunk, CancellationToken cancellationToken)
    {
        var room = AcquireAsync(chunk);
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
            Interlocked.Add(ref _bytes, -chunk.Bytes);
            _share.Release(chunk.Bytes);
            yield return chunk;
        }
    }

    public void Dispose()
    {
        _chunks.Writer.TryComplete();
        _share.Dispose();
        while (_chunks.Reader.TryRead(out var chunk)) Drop(chunk);
    }

    private Task AcquireAsync(Chunk chunk)
    {
        Interlocked.Add(ref _bytes, chunk.Bytes);
        return _share.AcquireAsync(chunk.Bytes);
    }

    private void Put(Chunk chunk, Task room, CancellationToken cancellationToken)
    {
        if (room.IsCompletedSuccessfully && _chunks.Writer.TryWrite(chunk)) return;

        // Room that comes after its waiter has left belongs to the others.
        var bytes = chunk.Bytes;
        _ = room.ContinueWith(_ => _share.Release(bytes), CancellationToken.None, 
            TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        Drop(chunk);
        cancellationToken.ThrowIfCancellationRequested();
    }

    private void Drop(Chunk chunk)
    {
        Interlocked.Add(ref _bytes, -chunk.Bytes);
        chunk.Dispose();
    }
}
