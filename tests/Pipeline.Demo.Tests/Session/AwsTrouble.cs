using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Session;

/// <summary>
/// What a bucket does to a demo: of its requests one in five fails, as buckets, networks and tokens fail. In between it refuses
/// everything for a while, for one reason after another, each until somebody has read it.
/// </summary>
internal sealed class AwsTrouble(int seed, int commitsBefore)
{
    private static readonly ProxyFault[] Passing =
    [
        new ProxyFault.Answer(503, "SlowDown"), new ProxyFault.Answer(500, "InternalError"), new ProxyFault.Answer(400, "ExpiredToken"), new ProxyFault.Drop(),
        new ProxyFault.Truncate(), new ProxyFault.AnswerAfterActing(500, "InternalError"), new ProxyFault.AnswerAfterActing(503, "SlowDown"), new ProxyFault.DropAfterActing(),
    ];

    private readonly Random _random = new(seed);
    private readonly TaskCompletionSource _isRefusing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _commits;
    private ProxyFault? _refusal;
    private bool _isOver;

    /// <summary>Why everything is refused, and what tells it.</summary>
    public static IReadOnlyList<(ProxyFault.Answer Refusal, string Said)> Refusals { get; } =
    [
        (new(404, "NoSuchBucket"), "the bucket does not exist"),
        (new(400, "KMS.DisabledException"), "KMS.DisabledException"),
        (new(403, "RequestTimeTooSkewed"), "RequestTimeTooSkewed"),
        (new(400, "TokenRefreshRequired"), "TokenRefreshRequired"),
    ];

    /// <summary>Ends when the first refusal has begun.</summary>
    public Task IsRefusing => _isRefusing.Task;

    /// <summary>Tokens that are not taken any more.</summary>
    public Func<string?, bool> IsExpired { get; init; } = _ => false;

    public void Refuse(ProxyFault.Answer with)
    {
        lock (_random) _refusal = with;
    }

    /// <summary>From now on one request in five fails, and no more.</summary>
    public void Relent()
    {
        lock (_random) (_refusal, _isOver) = (null, true);
    }

    public ProxyFault? Next(ProxiedRequest request)
    {
        lock (_random)
        {
            if (_refusal is not null) return _refusal;
            if (IsExpired(request.SessionToken)) return new ProxyFault.Answer(400, "ExpiredToken");
            if (_random.Next(5) == 0) return Passing[_random.Next(Passing.Length)];
            if (request.IsConditional && ++_commits == commitsBefore && !_isOver)
            {
                _refusal = Refusals[0].Refusal;
                _isRefusing.TrySetResult();
            }

            return null;
        }
    }
}
