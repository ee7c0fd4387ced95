namespace Pipeline.Sources.Snowflake.Client;

/// <summary>A token that is cancelled when the caller's is or when a request has taken too long.</summary>
internal sealed class RequestDeadline : IDisposable
{
    private readonly CancellationTokenSource _timeout;
    private readonly CancellationTokenSource _linked;
    private readonly CancellationToken _caller;

    public RequestDeadline(TimeSpan timeout, TimeProvider time, CancellationToken caller)
    {
        _caller = caller;
        _timeout = new CancellationTokenSource(timeout, time);
        _linked = CancellationTokenSource.CreateLinkedTokenSource(_timeout.Token, caller);
    }

    public CancellationToken Token => _linked.Token;

    /// <summary>Whether <paramref name="e"/> means that time ran out, and not that the caller gave up.</summary>
    public bool HasPassed(Exception e) => e is OperationCanceledException && _timeout.IsCancellationRequested && !_caller.IsCancellationRequested;

    public void Dispose()
    {
        _linked.Dispose();
        _timeout.Dispose();
    }
}
