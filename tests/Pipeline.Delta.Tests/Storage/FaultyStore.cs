using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Tests.Storage;

/// <summary>
/// A store behind a bad network: a share of the requests for commits fails before or after it has acted, is slow, or
/// loses its answer. Repeatable by its seed.
/// </summary>
internal sealed class FaultyStore(IObjectStore inner, int seed) : StoreDecorator(inner)
{
    private readonly Random _random = new(seed);

    /// <summary>Of the requests, from 0 to 1.</summary>
    public double Share { get; set; }

    public int Faults { get; private set; }

    public override async ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        switch (NextFault(kinds: 5))
        {
            case 0:
                throw Failed(path);
            case 1:
                await Inner.PutIfAbsentAsync(path, content, cancellationToken);
                throw Failed(path);
            case 2:
                return PutOutcome.Ambiguous;
            case 3:
                await Inner.PutIfAbsentAsync(path, content, cancellationToken);
                return PutOutcome.Ambiguous;
            case 4:
                await Task.Delay(TimeSpan.FromMilliseconds(2), cancellationToken);
                return await Inner.PutIfAbsentAsync(path, content, cancellationToken);
            default:
                return await Inner.PutIfAbsentAsync(path, content, cancellationToken);
        }
    }

    public override async ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) =>
        path.EndsWith(".json", StringComparison.Ordinal) && NextFault(kinds: 1) == 0 ? throw Failed(path) : await Inner.TryGetAsync(path, cancellationToken);

    /// <summary>-1: none this time.</summary>
    private int NextFault(int kinds)
    {
        lock (_random)
        {
            if (_random.NextDouble() >= Share) return -1;
            Faults++;
            return _random.Next(kinds);
        }
    }

    private static PipelineException Failed(string path) => new(FaultKind.Unreachable, $"Object {path}", "503 Slow Down", "Try again.");
}
