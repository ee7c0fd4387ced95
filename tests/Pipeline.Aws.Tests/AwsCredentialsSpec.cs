using System.Net;
using Pipeline.Core;
using Pipeline.Testing;

namespace Pipeline.Aws.Tests;

/// <summary>Whom requests are signed for when nobody says so. All other tests say so: the environment is these tests' own.</summary>
[CollectionDefinition(nameof(AwsCredentialsSpec), DisableParallelization = true)]
public sealed class AwsCredentialsCollection;

[Collection(nameof(AwsCredentialsSpec))]
public sealed class AwsCredentialsSpec : IDisposable
{
    private static readonly string[] Names =
    [
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_EC2_METADATA_DISABLED", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_ENDPOINT_URL_STS", "AWS_REGION",
    ];

    private const string Role = "arn:aws:iam::123456789012:role/silver";

    private readonly Dictionary<string, string?> _before = Names.ToDictionary(name => name, Environment.GetEnvironmentVariable, StringComparer.Ordinal);
    private readonly IWebProxy _proxyBefore = HttpClient.DefaultProxy;
    private readonly ScratchDirectory _folder = new("pipeline-aws-");

    public AwsCredentialsSpec()
    {
        foreach (var name in Names) Environment.SetEnvironmentVariable(name, null);
        Environment.SetEnvironmentVariable("AWS_EC2_METADATA_DISABLED", "true");
        // The SDK reads where the files are from the environment, but once in the life of a process.
        Amazon.AWSConfigs.AWSProfilesLocation = Path.Combine(_folder, "credentials");
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_environment_has_them()
    {
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "from-environment");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "s");
        Environment.SetEnvironmentVariable("AWS_SESSION_TOKEN", "t");

        Assert.Equal(("from-environment", "t"), await FoundAsync());
    }

    [Fact]
    public async Task A_profile_has_them()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "credentials"), "[silver]\naws_access_key_id = from-profile\naws_secret_access_key = s\n", Cancel);
        Environment.SetEnvironmentVariable("AWS_PROFILE", "silver");

        Assert.Equal(("from-profile", ""), await FoundAsync());
    }

    public static TheoryData<string> Givers => ["container", "task", "web identity", "profile of a role", "profile of a web identity"];

    [Theory]
    [MemberData(nameof(Givers))]
    public async Task Those_that_end_are_renewed_while_they_hold_and_serve_as_long_as_nobody_renews_them(string giver)
    {
        await using var server = await CredentialServer.StartAsync(Cancel);
        await LeadToAsync(giver, server);
        // Less than a quarter of an hour is left of them from the beginning, from which on others are asked for.
        server.Holds = TimeSpan.FromMinutes(10);
        var credentials = new AwsCredentials(given: null, AwsService.Emr);
        var first = await credentials.GetAsync("EMR cluster j-1", Cancel);
        Assert.Equal(("key-1", "secret-1", "token-1"), (first.AccessKey, first.SecretKey, first.Token));

        server.Refusal = (503, "");
        Assert.Equal("key-1", (await credentials.GetAsync("EMR cluster j-1", Cancel)).AccessKey);
        server.Refusal = null;

        await CredentialServer.UntilRenewedAsync(async cancel => (await credentials.GetAsync("EMR cluster j-1", cancel)).AccessKey != "key-1", Cancel);
    }

    [Theory]
    [MemberData(nameof(Givers))]
    public async Task Those_that_AWS_does_not_take_any_more_are_asked_for_anew(string giver)
    {
        await using var server = await CredentialServer.StartAsync(Cancel);
        await LeadToAsync(giver, server);
        var credentials = new AwsCredentials(given: null, AwsService.Emr);
        Assert.Equal("key-1", (await credentials.GetAsync("EMR cluster j-1", Cancel)).AccessKey);
        Assert.Equal("key-1", (await credentials.GetAsync("EMR cluster j-1", Cancel)).AccessKey);

        credentials.Forget();

        Assert.Equal("key-2", (await credentials.GetAsync("EMR cluster j-1", Cancel)).AccessKey);
    }

    [Theory]
    [MemberData(nameof(Givers))]
    public async Task Who_refuses_them_is_said_with_the_reason_and_waited_for(string giver)
    {
        await using var server = await CredentialServer.StartAsync(Cancel);
        await LeadToAsync(giver, server);
        var isOfRole = giver is not ("container" or "task");
        server.Refusal = isOfRole ? (403, "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>silver is not for you</Message></Error><RequestId>1</RequestId></ErrorResponse>")
            : (403, """{"code":"AccessDenied","message":"silver is not for you"}""");
        var credentials = new AwsCredentials(given: null, AwsService.Emr);

        var fault = await Assert.ThrowsAsync<PipelineException>(() => credentials.GetAsync("EMR cluster j-1", Cancel));

        Assert.Equal((FaultKind.Unreachable, "EMR cluster j-1", "AWS credentials for EMR"), (fault.Kind, fault.Thing, fault.Dependency));
        Assert.Contains(isOfRole ? Role : "403", fault.Cause, StringComparison.Ordinal);
        Assert.Contains("the role that is assumed", fault.NextStep, StringComparison.Ordinal);
        server.Refusal = null;
        Assert.Equal("key-1", (await credentials.GetAsync("EMR cluster j-1", Cancel)).AccessKey);
    }

    [Fact]
    public async Task A_container_shows_the_token_that_it_was_given_and_reads_it_again_when_its_file_has_another()
    {
        await using var server = await CredentialServer.StartAsync(Cancel);
        await LeadToAsync("container", server);
        var credentials = new AwsCredentials(given: null, AwsService.Emr);
        await credentials.GetAsync("EMR cluster j-1", Cancel);
        server.ContainerToken = "the next token";
        await File.WriteAllTextAsync(Path.Combine(_folder, "container-token"), "the next token", Cancel);
        credentials.Forget();

        Assert.Equal("key-2", (await credentials.GetAsync("EMR cluster j-1", Cancel)).AccessKey);
        server.ContainerToken = "a token that it has not";
        credentials.Forget();
        var fault = await Assert.ThrowsAsync<PipelineException>(() => credentials.GetAsync("EMR cluster j-1", Cancel));
        Assert.Contains("401", fault.Cause, StringComparison.Ordinal);
        Assert.DoesNotContain("the next token", fault.ToString(), StringComparison.Ordinal);
    }

    /// <remarks>The SDK keeps what an instance has given for all of the process: one test has all that is to be seen of it.</remarks>
    [Fact]
    public async Task An_instance_has_them_by_the_second_version_of_its_metadata_and_gives_others_when_they_end()
    {
        await using var server = await CredentialServer.StartAsync(Cancel);
        Environment.SetEnvironmentVariable("AWS_EC2_METADATA_DISABLED", null);
        HttpClient.DefaultProxy = new WebProxy(server.Url);
        server.Refusal = (403, "");
        var refused = await Assert.ThrowsAsync<PipelineException>(FoundAsync);
        Assert.Equal(FaultKind.NotAuthorised, refused.Kind);
        Assert.Contains("Instance Metadata", refused.Cause, StringComparison.OrdinalIgnoreCase);

        (server.Refusal, server.Holds) = (null, TimeSpan.FromSeconds(2));
        var (first, _) = await FoundAsync();
        server.Holds = TimeSpan.FromHours(1);
        Assert.StartsWith("key-", first, StringComparison.Ordinal);
        await CredentialServer.UntilRenewedAsync(async _ => (await FoundAsync()).Key != first, Cancel);
    }

    [Fact]
    public async Task Nobody_has_them_is_said_with_what_to_do()
    {
        var fault = await Assert.ThrowsAsync<PipelineException>(FoundAsync);

        Assert.Equal((FaultKind.NotAuthorised, "EMR cluster j-1"), (fault.Kind, fault.Thing));
        Assert.Contains("no AWS credentials", fault.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_profile_that_is_not_there_is_said()
    {
        Environment.SetEnvironmentVariable("AWS_PROFILE", "silver");

        var fault = await Assert.ThrowsAsync<PipelineException>(FoundAsync);

        Assert.Equal(FaultKind.NotAuthorised, fault.Kind);
        Assert.Contains("\"silver\" profile", fault.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_web_identity_whose_token_is_gone_is_said()
    {
        Environment.SetEnvironmentVariable("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/silver");
        Environment.SetEnvironmentVariable("AWS_WEB_IDENTITY_TOKEN_FILE", Path.Combine(_folder, "none"));

        var fault = await Assert.ThrowsAsync<PipelineException>(FoundAsync);

        Assert.Contains("credentials", fault.Cause, StringComparison.Ordinal);
        Assert.DoesNotContain("assembly", fault.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    public void Dispose()
    {
        Amazon.AWSConfigs.AWSProfilesLocation = null;
        HttpClient.DefaultProxy = _proxyBefore;
        foreach (var (name, value) in _before) Environment.SetEnvironmentVariable(name, value);
        _folder.Dispose();
    }

    private static async Task<(string Key, string Token)> FoundAsync()
    {
        var found = await new AwsCredentials(given: null, AwsService.Emr).GetAsync("EMR cluster j-1", Cancel);
        return (found.AccessKey, found.Token ?? "");
    }

    /// <summary>What leads a process to who gives out its credentials.</summary>
    private async Task LeadToAsync(string giver, CredentialServer server)
    {
        var token = Path.Combine(_folder, "web-identity-token");
        await File.WriteAllTextAsync(token, "identity", Cancel);
        Environment.SetEnvironmentVariable("AWS_REGION", "eu-central-1");
        Environment.SetEnvironmentVariable("AWS_ENDPOINT_URL_STS", server.Url.ToString());
        switch (giver)
        {
            case "container":
                server.ContainerToken = "the container's token";
                await File.WriteAllTextAsync(Path.Combine(_folder, "container-token"), server.ContainerToken, Cancel);
                Environment.SetEnvironmentVariable("AWS_CONTAINER_CREDENTIALS_FULL_URI", new Uri(server.Url, CredentialServer.ContainerPath).ToString());
                Environment.SetEnvironmentVariable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Path.Combine(_folder, "container-token"));
                break;
            case "task":
                // The agent of a task has an address of its own, which a proxy stands in for.
                HttpClient.DefaultProxy = new WebProxy(server.Url);
                Environment.SetEnvironmentVariable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", CredentialServer.ContainerPath);
                break;
            case "web identity":
                Environment.SetEnvironmentVariable("AWS_ROLE_ARN", Role);
                Environment.SetEnvironmentVariable("AWS_WEB_IDENTITY_TOKEN_FILE", token);
                break;
            default:
                var of = giver == "profile of a role" ? "source_profile = base" : $"web_identity_token_file = {token}";
                await File.WriteAllTextAsync(Path.Combine(_folder, "credentials"), $"[base]\naws_access_key_id = base\naws_secret_access_key = s\n[silver]\nrole_arn = {Role}\n{of}\n", Cancel);
                Environment.SetEnvironmentVariable("AWS_PROFILE", "silver");
                break;
        }
    }
}
