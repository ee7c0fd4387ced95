using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.S3;

/// <summary>Whom a store signs for when nobody says so. All other tests say so: the environment is this test's own.</summary>
[CollectionDefinition(nameof(S3CredentialsSpec), DisableParallelization = true)]
public sealed class S3CredentialsCollection;

[Collection(nameof(S3CredentialsSpec))]
public sealed class S3CredentialsSpec : IDisposable
{
    private static readonly string[] Names =
    [
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_EC2_METADATA_DISABLED", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_REGION",
    ];

    private readonly S3StandIn _s3;
    private readonly Dictionary<string, string?> _before = Names.ToDictionary(name => name, Environment.GetEnvironmentVariable, StringComparer.Ordinal);
    private readonly ScratchDirectory _folder = new("pipeline-s3-credentials-");

    public S3CredentialsSpec(S3StandIn s3)
    {
        _s3 = s3;
        foreach (var name in Names) Environment.SetEnvironmentVariable(name, null);
        Environment.SetEnvironmentVariable("AWS_EC2_METADATA_DISABLED", "true");
        // The SDK reads where the files are from the environment, but once in the life of a process.
        Amazon.AWSConfigs.AWSProfilesLocation = Path.Combine(_folder, "credentials");
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <remarks>One test: the SDK keeps the first giver that it has found for all of the process.</remarks>
    [Fact]
    public async Task A_store_says_why_it_has_none_and_signs_with_what_a_container_gives_and_gives_anew()
    {
        await using var bucket = await _s3.BucketAsync(Cancel);
        await using var giver = await CredentialServer.StartAsync(Cancel);
        using var store = new S3ObjectStore(S3Location.Parse($"s3://{bucket.Name}/some/prefix"), bucket.Options with { Retry = new RetryPolicy { BackoffMin = TimeSpan.Zero, BackoffMax = TimeSpan.Zero, AttemptsMax = 2 } }, TimeProvider.System);

        await RefusesAsync(store, FaultKind.NotAuthorised, "this process has no AWS credentials: Failed to resolve AWS credentials", "AWS_ACCESS_KEY_ID");
        Environment.SetEnvironmentVariable("AWS_PROFILE", "silver");
        await RefusesAsync(store, FaultKind.NotAuthorised, "this process has no AWS credentials: Unable to find the \"silver\" profile", "AWS_ACCESS_KEY_ID");
        Environment.SetEnvironmentVariable("AWS_PROFILE", null);
        Environment.SetEnvironmentVariable("AWS_CONTAINER_CREDENTIALS_FULL_URI", new Uri(giver.Url, CredentialServer.ContainerPath).ToString());
        giver.Refusal = (403, """{"code":"AccessDenied","message":"silver is not for you"}""");
        await RefusesAsync(store, FaultKind.Unreachable, "the AWS credentials of this process cannot be had: Unable to retrieve credentials", "Check what gives them out");
        Assert.Empty(bucket.Proxy.Requests);

        (giver.Refusal, giver.Holds) = (null, TimeSpan.FromMinutes(10));
        Assert.Null(await store.TryGetAsync("a", Cancel));
        await CredentialServer.UntilRenewedAsync(async cancel =>
        {
            await store.TryGetAsync("a", cancel);
            return bucket.Proxy.Requests.Any(request => request.SessionToken != "token-1");
        }, Cancel);

        Assert.All(bucket.Proxy.Requests, request => Assert.StartsWith("token-", request.SessionToken, StringComparison.Ordinal));
    }

    public void Dispose()
    {
        Amazon.AWSConfigs.AWSProfilesLocation = null;
        foreach (var (name, value) in _before) Environment.SetEnvironmentVariable(name, value);
        _folder.Dispose();
    }

    private static async Task RefusesAsync(S3ObjectStore store, FaultKind kind, string cause, string nextStep)
    {
        var fault = await Assert.ThrowsAsync<PipelineException>(async () => await store.TryGetAsync("a", Cancel));

        Assert.Equal((kind, $"Lake {store.Location}"), (fault.Kind, fault.Dependency));
        Assert.Contains(cause, fault.Cause, StringComparison.Ordinal);
        Assert.Contains(nextStep, fault.NextStep, StringComparison.Ordinal);
    }
}
