namespace Pipeline.Emulation.Snowflake;

/// <summary>The requests that faults can be injected into.</summary>
public enum SnowflakeOperation
{
    /// <summary>The OAuth token endpoint.</summary>
    Token,

    /// <summary>A statement is submitted.</summary>
    Submit,

    /// <summary>A statement's state or first partition is asked for.</summary>
    Status,

    /// <summary>A later partition is asked for.</summary>
    Partition,

    /// <summary>A statement is cancelled.</summary>
    Cancel,
}

/// <summary>What goes wrong.</summary>
public enum SnowflakeFault
{
    /// <summary>429, code 390505; nothing is done.</summary>
    TooManyRequests,

    /// <summary>500; nothing is done.</summary>
    InternalError,

    /// <summary>503; nothing is done.</summary>
    ServiceUnavailable,

    /// <summary>401, code 390318, whatever the token says; nothing is done.</summary>
    TokenExpired,

    /// <summary>The connection closes; nothing is done.</summary>
    DropBeforeActing,

    /// <summary>The request is carried out and the connection closes without an answer.</summary>
    DropAfterActing,

    /// <summary>The request is carried out and the connection closes after half the answer.</summary>
    TruncateAnswer,

    /// <summary>The request is carried out and then answered with 503.</summary>
    FailAfterActing,

    /// <summary>A statement that was to be waited for runs on alone: 202 instead of its result.</summary>
    RunAsynchronously,
}

/// <summary>Faults of an emulated server: each is used up by the next requests of its operation, in order.</summary>
public sealed class SnowflakeFaults
{
    private readonly Lock _lock = new();
    private readonly Dictionary<SnowflakeOperation, Queue<SnowflakeFault>> _queued = [];
    private Random? _random;
    private double _share;
    private SnowflakeFault[] _anyOf = [];

    /// <summary>The next <paramref name="times"/> requests of <paramref name="operation"/> suffer <paramref name="fault"/>.</summary>
    public void Inject(SnowflakeOperation operation, SnowflakeFault fault, int times = 1)
    {
        lock (_lock)
        {
            if (!_queued.TryGetValue(operation, out var queue)) _queued[operation] = queue = new Queue<SnowflakeFault>();
            for (var i = 0; i < times; i++) queue.Enqueue(fault);
        }
    }

    /// <summary>From now on a <paramref name="share"/> of all requests suffers one of <paramref name="anyOf"/>.</summary>
    public void InjectAtRandom(double share, int seed, params SnowflakeFault[] anyOf)
    {
        lock (_lock)
        {
            _random = new Random(seed);
            _share = share;
            _anyOf = anyOf;
        }
    }

    internal SnowflakeFault? Take(SnowflakeOperation operation)
    {
        lock (_lock)
        {
            if (_queued.TryGetValue(operation, out var queue) && queue.TryDequeue(out var fault)) return fault;
            if (_random is null || _random.NextDouble() >= _share) return null;
            return _anyOf[_random.Next(_anyOf.Length)];
        }
    }
}
