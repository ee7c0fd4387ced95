namespace Pipeline.Emulation.Emr;

/// <summary>What goes wrong with a request.</summary>
public enum EmrFaultKind
{
    /// <summary>Too many requests; nothing is done.</summary>
    Throttle,

    /// <summary>500; nothing is done.</summary>
    InternalError,

    /// <summary>503; nothing is done.</summary>
    Unavailable,

    /// <summary>The connection closes; nothing is done.</summary>
    LoseRequest,

    /// <summary>The request is carried out, and the connection closes without an answer.</summary>
    LoseAnswer,

    /// <summary>The connection closes without an answer, and the request is carried out later.</summary>
    ActLate,
}

/// <param name="By">With <see cref="EmrFaultKind.ActLate"/>: how much later.</param>
public sealed record EmrFault(EmrFaultKind Kind, TimeSpan By = default);

/// <summary>Faults of the emulated service: each is used up by the next request of its operation, in order. Thread-safe.</summary>
public sealed class EmrFaults
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Queue<EmrFault>> _queued = new(StringComparer.Ordinal);
    private readonly Queue<string> _clusterFailures = new();

    /// <summary>Asked for each request that has no fault yet: its operation to a fault or null.</summary>
    public Func<string, EmrFault?>? Chance { get; set; }

    public void Inject(string operation, params IEnumerable<EmrFault> faults)
    {
        lock (_lock)
        {
            if (!_queued.TryGetValue(operation, out var queue)) _queued[operation] = queue = new Queue<EmrFault>();
            foreach (var fault in faults) queue.Enqueue(fault);
        }
    }

    public void Inject(string operation, params IEnumerable<EmrFaultKind> faults) => Inject(operation, faults.Select(kind => new EmrFault(kind)));

    /// <summary>The next clusters are accepted and do not start: an account without quota, a subnet without room.</summary>
    public void FailClusters(params IEnumerable<string> reasons)
    {
        lock (_lock)
        {
            foreach (var reason in reasons) _clusterFailures.Enqueue(reason);
        }
    }

    internal string? TakeClusterFailure()
    {
        lock (_lock) return _clusterFailures.TryDequeue(out var reason) ? reason : null;
    }

    internal EmrFault? Take(string operation)
    {
        lock (_lock)
        {
            if (_queued.TryGetValue(operation, out var queue) && queue.TryDequeue(out var fault)) return fault;
        }

        return Chance?.Invoke(operation);
    }
}
