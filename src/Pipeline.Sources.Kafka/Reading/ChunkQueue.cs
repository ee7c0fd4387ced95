using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// Hands chunks from the reading thread to whoever enumerates them. Holds at most <paramref name="bytesMax"/> (always at
/// least one chunk): a full queue blocks the thread, which is how backpressure reaches the client and the brokers.
/// </summary>
internal sealed class ChunkQueue(long bytesMax)
{
    private readonly Channel<Chunk> _chunks = Channel.CreateUnbounded<Chunk>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly Lock _gate = new();
    private readonly ManualResetEventSlim _hasRoom = new(initialState: true);
    private long _bytes;
    private volatile bool _isStopped;

    /// <summary>Bytes of chunks nobody has taken yet.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Adds a chunk, waiting for room; disposes it when the enumerator is gone.</summary>
    public void Add(Chunk chunk)
    {
        _hasRoom.Wait();
        lock (_gate)
        {
            if (_isStopped)
            {
                chunk.Dispose();
                return;
            }

            if ((_bytes += chunk.Bytes) >= bytesMax) _hasRoom.Reset();
            _chunks.Writer.TryWrite(chunk);
        }
    }

    /// <summary>Nothing will be added; what is here can still be taken, then <paramref name="fault"/> is thrown.</summary>
    public void Complete(Exception? fault) => _chunks.Writer.TryComplete(fault);

    public async IAsyncEnumerable<Chunk> TakeAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var chunk in _chunks.Reader.ReadAllAsync(cancellationToken))
        {
            lock (_gate)
            {
                _bytes -= chunk.Bytes;
                if (_bytes < bytesMax) _hasRoom.Set();
            }

            yield return chunk;
        }
    }

    /// <summary>The enumerator is gone: frees the thread and every chunk that is here.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _isStopped = true;
            DropAll();
        }
    }

    /// <summary>Frees every chunk that is here.</summary>
    internal void DropAll()
    {
        lock (_gate)
        {
            while (_chunks.Reader.TryRead(out var chunk))
            {
                _bytes -= chunk.Bytes;
                chunk.Dispose();
            }

            _hasRoom.Set();
        }
    }
}
