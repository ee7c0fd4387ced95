using Amazon.Runtime;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.S3;
using Pipeline.Testing;

[assembly: AssemblyFixture(typeof(S3StandIn))]

namespace Pipeline.Delta.Tests.S3;

/// <summary>
/// One <c>moto_server</c> for all tests: an S3 service in a child process on a free loopback port. Tests that ask for it
/// are skipped where <c>python3</c> does not have it.
/// </summary>
public sealed class S3StandIn : MotoFixture
{
    public static readonly BasicAWSCredentials Credentials = new("test", "test");

    /// <summary>A new bucket behind a proxy that can fail.</summary>
    public async Task<S3Bucket> BucketAsync(CancellationToken cancellationToken, Func<S3Options, S3Options>? change = null)
    {
        var upstream = await UrlAsync(cancellationToken);
        return await S3Bucket.CreateAsync(upstream, await FaultProxy.StartAsync(upstream, cancellationToken), change ?? (options => options), cancellationToken);
    }
}
