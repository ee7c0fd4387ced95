using Pipeline.Testing;

namespace Pipeline.Faults.Tests;

/// <summary>
/// One request in seven suffers something, drawn by a seed: what real buckets do, and what networks do to their answers.
/// Nothing that no bucket does: a precondition never fails without cause.
/// </summary>
internal sealed class BucketFaults(int seed)
{
    private static readonly ProxyFault[] Any =
    [
        new ProxyFault.Answer(503, "SlowDown"), new ProxyFault.Answer(500, "InternalError"), new ProxyFault.Drop(), new ProxyFault.Truncate(),
        new ProxyFault.AnswerAfterActing(500, "InternalError"), new ProxyFault.DropAfterActing(), new ProxyFault.Late(TimeSpan.FromMilliseconds(400)), new ProxyFault.Stall(),
    ];

    private static readonly ProxyFault Conflict = new ProxyFault.Answer(409, "ConditionalRequestConflict");

    private readonly Random _random = new(seed);

    /// <summary>How many different ones there are.</summary>
    public static int Kinds => Any.Length + 1;

    public ProxyFault? Next(ProxiedRequest request)
    {
        lock (_random)
        {
            if (_random.Next(7) > 0) return null;
            return request.IsConditional && _random.Next(3) == 0 ? Conflict : Any[_random.Next(Any.Length)];
        }
    }
}
