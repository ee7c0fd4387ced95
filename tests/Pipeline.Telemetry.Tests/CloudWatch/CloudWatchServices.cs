using Amazon.Runtime;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Aws;
using Pipeline.Configuration;
using Pipeline.Telemetry.CloudWatch;
using Pipeline.Telemetry.Tests.CloudWatch;
using Pipeline.Testing;
using RetryPolicy = Pipeline.Core.RetryPolicy;

[assembly: AssemblyFixture(typeof(CloudWatchServices))]

namespace Pipeline.Telemetry.Tests.CloudWatch;

/// <summary>One <c>moto_server</c> for all tests; those that ask for it are skipped where there is none.</summary>
public sealed class CloudWatchServices : MotoFixture
{
    /// <summary>The wire check in front of it.</summary>
    public async Task<AwsWireCheck> CheckAsync(CancellationToken cancellationToken, string secret = "test")
    {
        var (check, missing) = await AwsWireCheck.TryStartAsync(await UrlAsync(cancellationToken), cancellationToken, secret);
        Assert.SkipWhen(check is null, missing);
        return check;
    }

    internal static CloudWatchSink Sink(string pipeline, Uri? endpoint = null, HttpMessageHandler? transport = null, string? nameSpace = null, TimeProvider? time = null, string secret = "test") => new(
        new CloudWatchOptions
        {
            Aws = new AwsSettings { Region = "eu-central-1", Endpoint = endpoint, RequestTimeout = TimeSpan.FromSeconds(30), Retry = new RetryPolicy { BackoffMin = TimeSpan.Zero, BackoffMax = TimeSpan.Zero, AttemptsMax = 2 } },
            Namespace = nameSpace,
        },
        new MetricSinkServices(pipeline, time ?? TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore()), new BasicAWSCredentials("test", secret), transport);
}
