namespace Pipeline.DuckDb;

/// <summary>
/// Interrupts a statement from its cancellation until it has ended, and never after that. Once is not enough: DuckDB forgets
/// an interrupt that comes before the statement, or between two of one text.
/// </summary>
internal sealed class StatementInterrupt : IDisposable
{
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();
    private readonly Action _interrupt;
    private readonly CancellationTokenRegistration _registration;
    private Timer? _timer;
    private bool _hasEnded;

    /// <param name="interrupt">Not called any more once this is disposed.</param>
    public StatementInterrupt(Action interrupt, CancellationToken cancellationToken)
    {
        _interrupt = interrupt;
        _registration = cancellationToken.Register(Begin);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _hasEnded = true;
            _timer?.Dispose();
        }

        _registration.Dispose();
    }

    private void Begin()
    {
        lock (_lock)
        {
            if (_hasEnded) return;
            _timer = new Timer(_ => Interrupt(), null, TimeSpan.Zero, Again);
        }
    }

    private void Interrupt()
    {
        lock (_lock)
            if (!_hasEnded) _interrupt();
    }
}
