using Amazon.S3;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.S3;

/// <summary>A bucket of its own, and stores that reach it through a proxy.</summary>
public sealed class S3Bucket : IAsyncDisposable
{
    private readonly List<S3ObjectStore> _stores = [];

    private S3Bucket(Uri upstream, FaultProxy proxy, string name, S3Options options)
    {
        (Upstream, Proxy, Name, Options) = (upstream, proxy, name, options);
        Direct = Client(upstream);
        Store = Open();
    }

    public Uri Upstream { get; }

    public FaultProxy Proxy { get; }

    public string Name { get; }

    /// <summary>Those of <see cref="Store"/>: small delays, so that retries take no time.</summary>
    public S3Options Options { get; }

    public S3ObjectStore Store { get; }

    /// <summary>Around the proxy, for looking.</summary>
    public AmazonS3Client Direct { get; }

    internal static async Task<S3Bucket> CreateAsync(Uri upstream, FaultProxy proxy, Func<S3Options, S3Options> change, CancellationToken cancellationToken)
    {
        var name = $"lake-{Guid.NewGuid():N}";
        using (var client = Client(upstream)) await client.PutBucketAsync(name, cancellationToken);
        return new S3Bucket(upstream, proxy, name, change(OptionsFor(proxy.Url)));
    }

    internal static S3Options OptionsFor(Uri endpoint) => new()
    {
        Endpoint = endpoint,
        Region = "us-east-1",
        PathStyle = true,
        Retry = new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(1), BackoffMax = TimeSpan.FromMilliseconds(20), AttemptsMax = 20 },
        PartBytes = 5 << 20,
    };

    public S3ObjectStore Open(Func<S3Options, S3Options>? change = null, string prefix = "some/prefix", TimeProvider? time = null)
    {
        var store = new S3ObjectStore(S3Location.Parse($"s3://{Name}/{prefix}"), change?.Invoke(Options) ?? Options, time ?? TimeProvider.System, S3StandIn.Credentials);
        _stores.Add(store);
        return store;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var store in _stores) store.Dispose();
        Direct.Dispose();
        await Proxy.DisposeAsync();
    }

    private static AmazonS3Client Client(Uri url) => new(S3StandIn.Credentials, new AmazonS3Config
    {
        ServiceURL = url.ToString(),
        ForcePathStyle = true,
        AuthenticationRegion = "us-east-1",
    });
}
