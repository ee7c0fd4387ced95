using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres;

/// <summary>
/// Hands chunks from reading threads to the one consumer. Adding blocks while the consumer has not taken enough: that is
/// the backpressure, down to the server's socket.
/// </summary>
internal sealed class ChunkQueue(int chunksMax) : IDisposable
{
    private readonly SemaphoreSlim _room = new(chunksMax);
    private readonly Channel<Chunk> _chunks = Channel.CreateUnbounded<Chunk>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Blocks the calling thread until there is room.</summary>
    public void Add(Chunk chunk, CancellationToken cancellationToken)
    {
        try
        {
            _room.Wait(cancellationToken);
        }
        catch
        {
            chunk.Dispose();
            throw;
        }

        if (!_chunks.Writer.TryWrite(chunk)) chunk.Dispose();
    }

    /// <summary>The consumer gets this after the chunks that are already there.</summary>
    public void Fail(Exception error) => _chunks.Writer.TryComplete(error);

    public async IAsyncEnumerable<Chunk> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var chunk in _chunks.Reader.ReadAllAsync(cancellationToken))
        {
            yield return chunk;
            _room.Release();
        }
    }

    /// <summary>Gives back what nobody took; call it when all readers have ended.</summary>
    public void Dispose()
    {
        _chunks.Writer.TryComplete();
        while (_chunks.Reader.TryRead(out var chunk)) chunk.Dispose();
        _room.Dispose();
    }
}
