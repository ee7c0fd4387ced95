using System.Collections.Concurrent;

namespace Pipeline.Emulation.Snowflake;

/// <summary>A submitted statement and what becomes of it.</summary>
internal sealed class SnowflakeStatement(Guid handle, string text, DateTimeOffset createdOn) : IDisposable
{
    public Guid Handle { get; } = handle;

    public string Text { get; } = text;

    public DateTimeOffset CreatedOn { get; } = createdOn;

    public CancellationTokenSource Cancellation { get; } = new();

    /// <summary>Ends with the rows, or with a <see cref="SnowflakeError"/>.</summary>
    public required Task<SnowflakeResult> Completion { get; set; }

    public void Dispose()
    {
        Cancellation.Cancel();
        if (Completion.IsCompletedSuccessfully) Completion.Result.Dispose();
        Cancellation.Dispose();
    }
}

/// <summary>
/// The statements of the last time, by handle and by request id. A request id that is sent again with <c>retry=true</c>
/// finds the statement it started, if it started one.
/// </summary>
internal sealed class SnowflakeStatements(SnowflakeEngine engine, TimeProvider time) : IDisposable
{
    /// <summary>Statements that are kept; of those that run or have several partitions, which take time to read, fewer but longer.</summary>
    private const int KeptMax = 256, KeptLongMax = 64;

    private const int ExecutedMax = 10_000;

    private readonly ConcurrentDictionary<Guid, SnowflakeStatement> _byHandle = new();
    private readonly ConcurrentDictionary<Guid, SnowflakeStatement> _byRequest = new();
    private readonly ConcurrentQueue<(Guid Handle, Guid Request)> _order = new();
    private readonly ConcurrentQueue<(Guid Handle, Guid Request)> _long = new();
    private readonly ConcurrentQueue<string> _executed = new();
    private volatile TaskCompletionSource? _gate;

    /// <summary>Texts of the last statements in the order in which they were executed.</summary>
    public IReadOnlyCollection<string> Executed => _executed.ToArray();

    public SnowflakeStatement Submit(string text, IReadOnlyDictionary<int, SnowflakeBinding> bindings, SnowflakeContext context,
        Guid requestId, bool isRetry)
    {
        if (isRetry && _byRequest.TryGetValue(requestId, out var known)) return known;
        var statement = new SnowflakeStatement(Guid.NewGuid(), text, time.GetUtcNow()) { Completion = null! };
        statement.Completion = RunAsync(statement, bindings, context);
        _byHandle[statement.Handle] = statement;
        _byRequest[requestId] = statement;
        _order.Enqueue((statement.Handle, requestId));
        ForgetOldest();
        return statement;
    }

    public SnowflakeStatement Find(Guid handle) => _byHandle.GetValueOrDefault(handle) ?? throw SnowflakeError.UnknownStatement();

    /// <summary>Statements submitted from now on wait until the returned hold is disposed.</summary>
    public IDisposable Hold()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _gate = gate;
        return new Release(() =>
        {
            _gate = null;
            gate.TrySetResult();
        });
    }

    public void Dispose()
    {
        _gate?.TrySetResult();
        foreach (var statement in _byHandle.Values) statement.Dispose();
    }

    private async Task<SnowflakeResult> RunAsync(SnowflakeStatement statement, IReadOnlyDictionary<int, SnowflakeBinding> bindings, SnowflakeContext context)
    {
        // The token outlives the source when an old statement is forgotten while it runs.
        var cancellation = statement.Cancellation.Token;
        var gate = _gate;
        await Task.Yield();
        try
        {
            if (gate is not null) await gate.Task.WaitAsync(cancellation);
            cancellation.ThrowIfCancellationRequested();
            if (_executed.Count >= ExecutedMax) _executed.TryDequeue(out _);
            _executed.Enqueue(statement.Text);
            return engine.Run(statement.Text, bindings, context, cancellation);
        }
        catch (OperationCanceledException)
        {
            throw SnowflakeError.Cancelled();
        }
    }

    private void ForgetOldest()
    {
        if (_order.Count <= KeptMax || !_order.TryDequeue(out var oldest)) return;
        if (_byHandle.TryGetValue(oldest.Handle, out var statement) && IsLong(statement)) _long.Enqueue(oldest);
        else Forget(oldest.Handle, oldest.Request);
        if (_long.Count > KeptLongMax && _long.TryDequeue(out var longest)) Forget(longest.Handle, longest.Request);
    }

    private static bool IsLong(SnowflakeStatement statement) =>
        !statement.Completion.IsCompleted || (statement.Completion.IsCompletedSuccessfully && statement.Completion.Result.Partitions.Count > 1);

    private void Forget(Guid handle, Guid request)
    {
        _byRequest.TryRemove(request, out _);
        if (_byHandle.TryRemove(handle, out var statement)) statement.Dispose();
    }

    private sealed class Release(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
