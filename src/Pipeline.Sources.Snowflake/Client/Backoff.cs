namespace Pipeline.Sources.Snowflake.Client;

/// <summary>Waits between the attempts of one request, and knows when there have been enough.</summary>
internal sealed class Backoff(RetryOptions options, TimeProvider time)
{
    private int _failures;

    /// <summary>Attempts that have failed.</summary>
    public int Failures => _failures;

    /// <summary>
    /// Waits before the next attempt: between half and all of a delay that doubles, and at least what the server asks for
    /// (up to the longest delay). False when attempts are used up.
    /// </summary>
    public async ValueTask<bool> WaitAsync(TimeSpan? serverAsks, CancellationToken cancellationToken)
    {
        if (++_failures >= options.AttemptsMax) return false;
        var delay = options.BackoffMin * Math.Pow(2, Math.Min(_failures - 1, 30));
        if (delay > options.BackoffMax) delay = options.BackoffMax;
        delay *= 0.5 + Random.Shared.NextDouble() / 2;
        if (serverAsks is { } asked && asked > delay) delay = asked < options.BackoffMax ? asked : options.BackoffMax;
        await Task.Delay(delay, time, cancellationToken);
        return true;
    }
}

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
