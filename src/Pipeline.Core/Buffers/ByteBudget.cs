namespace Pipeline.Core.Buffers;

/// <summary>
/// The bytes that chunks of all workers of a node may hold between source and data file. Waiters are served in the order
/// in which they came.
/// </summary>
public sealed class ByteBudget(long bytesMax)
{
    private readonly Lock _lock = new();
    private readonly Queue<(ByteShare Share, long Bytes, TaskCompletionSource Granted)> _waiting = new();
    private long _used;

    public long BytesMax { get; } = bytesMax;

    public long BytesUsed => Interlocked.Read(ref _used);

    /// <summary>A share for one graph; disposing it gives back whatever the graph still holds.</summary>
    public ByteShare OpenShare() => new(this);

    internal Task AcquireAsync(ByteShare share, long bytes)
    {
        lock (_lock)
        {
            if (_waiting.Count == 0 && Fits(bytes))
            {
                Grant(share, bytes);
                return Task.CompletedTask;
            }

            var granted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue((share, bytes, granted));
            return granted.Task;
        }
    }

    internal void Release(ByteShare share, long bytes)
    {
        lock (_lock)
        {
            var released = Math.Min(bytes, share.Held);
            share.Held -= released;
            _used -= released;
            ServeWaiting();
        }
    }

    internal void Close(ByteShare share)
    {
        lock (_lock)
        {
            share.IsClosed = true;
            _used -= share.Held;
            share.Held = 0;
            ServeWaiting();
        }
    }

    private void ServeWaiting()
    {
        while (_waiting.TryPeek(out var next) && (next.Share.IsClosed || Fits(next.Bytes)))
        {
            _waiting.Dequeue();
            if (next.Share.IsClosed) next.Granted.TrySetCanceled();
            else
            {
                Grant(next.Share, next.Bytes);
                next.Granted.TrySetResult();
            }
        }
    }

    /// <summary>A chunk larger than the whole budget passes alone.</summary>
    private bool Fits(long bytes) => _used == 0 || _used + bytes <= BytesMax;

    private void Grant(ByteShare share, long bytes)
    {
        share.Held += bytes;
        _used += bytes;
    }
}

/// <summary>What one holder has of the <see cref="ByteBudget"/>.</summary>
public sealed class ByteShare(ByteBudget budget) : IDisposable
{
    internal long Held { get; set; }

    internal bool IsClosed { get; set; }

    /// <summary>Completes when there is room; cancelled when the share is disposed.</summary>
    public Task AcquireAsync(long bytes) => budget.AcquireAsync(this, bytes);

    public void Release(long bytes) => budget.Release(this, bytes);

    public void Dispose() => budget.Close(this);
}
