using System.Net.Http.Json;
using System.Text.Json;
using Amazon.Runtime;
using Pipeline.Aws.Tests;
using Pipeline.Testing;
using RetryPolicy = Pipeline.Core.RetryPolicy;

[assembly: AssemblyFixture(typeof(AwsServices))]

namespace Pipeline.Aws.Tests;

/// <summary>One <c>moto_server</c> for all tests; those that ask for it are skipped where there is none.</summary>
public sealed class AwsServices : MotoFixture
{
    public static readonly BasicAWSCredentials Credentials = new("test", "test");

    /// <summary>The wire check in front of it.</summary>
    public async Task<AwsWireCheck> CheckAsync(CancellationToken cancellationToken, string secret = "test")
    {
        var (check, missing) = await AwsWireCheck.TryStartAsync(await UrlAsync(cancellationToken), cancellationToken, secret);
        Assert.SkipWhen(check is null, missing);
        return check;
    }

    /// <summary>Settings for a server of a test: failures are not waited after. A server that is there may be busy.</summary>
    public static AwsSettings Settings(Uri? endpoint = null)
    {
        var settings = new AwsSettings { Region = "eu-central-1", Endpoint = endpoint, Retry = new RetryPolicy { BackoffMin = TimeSpan.Zero, BackoffMax = TimeSpan.Zero, AttemptsMax = 4 } };
        return endpoint is null ? settings : settings with { RequestTimeout = Deadlines.Test };
    }

    /// <summary>A new cluster, by a request of the test's own.</summary>
    public async Task<string> ClusterAsync(CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = await UrlAsync(cancellationToken) };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/")
        {
            Content = JsonContent.Create(new
            {
                Name = "silver",
                ReleaseLabel = "emr-6.15.0",
                LogUri = "s3://logs/emr/",
                Instances = new { MasterInstanceType = "m5.2xlarge", SlaveInstanceType = "m5.2xlarge", InstanceCount = 2, KeepJobFlowAliveWhenNoSteps = true },
            }, options: JsonSerializerOptions.Default),
        };
        request.Headers.Add("X-Amz-Target", "ElasticMapReduce.RunJobFlow");
        request.Headers.TryAddWithoutValidation("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/elasticmapreduce/aws4_request, SignedHeaders=host, Signature=0");
        using var response = await http.SendAsync(request, cancellationToken);
        using var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync(cancellationToken));
        return json.RootElement.GetProperty("JobFlowId").GetString()!;
    }
}
