using Pipeline.Core;

namespace Pipeline.Aws;

/// <summary>How a service of AWS is reached.</summary>
public sealed record AwsSettings
{
    /// <summary>Where the service is, and what requests are signed for, e.g. <c>eu-central-1</c> or <c>us-gov-west-1</c>.</summary>
    public required string Region { get; init; }

    /// <summary>
    /// Another address than the service's own in the region, scheme and host: a VPC endpoint without private names, a proxy,
    /// an emulation.
    /// </summary>
    public Uri? Endpoint { get; init; }

    /// <summary>The service's address with validated cryptography (FIPS 140), where the region has one.</summary>
    public bool UseFips { get; init; }

    /// <summary>How long one request may take, to the last byte of its answer.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a service that nobody reaches is asked again within one call: one that is away is told above, which goes on asking.
    /// Default 10 s.
    /// </summary>
    public TimeSpan AwayMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How one call is tried again. Default: from 500 ms to 20 s, 8 attempts, 1 min. A throttled account needs more patience
    /// than a hiccup of the network; what takes longer is waited for above, where it is said.
    /// </summary>
    public RetryPolicy Retry { get; init; } = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(500), BackoffMax = TimeSpan.FromSeconds(20), Jitter = 0.8, AttemptsMax = 8, TimeMax = TimeSpan.FromMinutes(1),
    };
}
