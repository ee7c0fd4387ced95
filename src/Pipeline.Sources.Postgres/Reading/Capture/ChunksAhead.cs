using Pipeline.Core;
using Pipeline.Core.Buffers;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>
/// Chunks of one range, handed on when the range before it has been: until then it holds some, and its reader waits when
/// it holds enough. For one thread.
/// </summary>
internal sealed class ChunksAhead(ChunkQueue queue, Task before, int chunksMax) : IDisposable
{
    private readonly Queue<Chunk> _held = new();

    public void Add(Chunk chunk, CancellationToken cancellationToken)
    {
        _held.Enqueue(chunk);
        if (before.IsCompleted || _held.Count >= chunksMax) Finish(cancellationToken);
    }

    /// <summary>Waits for its turn and hands on what it holds.</summary>
    public void Finish(CancellationToken cancellationToken)
    {
        before.Wait(cancellationToken);
        while (_held.TryDequeue(out var chunk)) queue.Add(chunk, cancellationToken);
    }

    public void Dispose()
    {
        while (_held.TryDequeue(out var chunk)) chunk.Dispose();
    }
}
