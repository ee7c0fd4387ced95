namespace Pipeline.Node.Http.Api;

/// <summary>What one request may do at a time. Thread-safe.</summary>
internal sealed class Turn
{
    private int _isTaken;

    /// <returns>Dispose it once, when it is over; null: another request has it.</returns>
    public IDisposable? TryTake() => Interlocked.Exchange(ref _isTaken, 1) == 0 ? new Taken(this) : null;

    private sealed class Taken(Turn turn) : IDisposable
    {
        public void Dispose() => Volatile.Write(ref turn._isTaken, 0);
    }
}
