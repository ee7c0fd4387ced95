using System.Net;
using System.Text;
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
    ];

    private readonly Dictionary<string, string?> _before = Names.ToDictionary(name => name, Environment.GetEnvironmentVariable, StringComparer.Ordinal);
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

    [Fact]
    public async Task A_container_has_them()
    {
        using var http = new HttpListener();
        var port = Listen(http);
        var answering = Task.Run(async () =>
        {
            var asked = await http.GetContextAsync();
            asked.Response.ContentType = "application/json";
            await asked.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes("""{"AccessKeyId":"from-container","SecretAccessKey":"s","Token":"t","Expiration":"2999-01-01T00:00:00Z"}"""), Cancel);
            asked.Response.Close();
        }, Cancel);
        Environment.SetEnvironmentVariable("AWS_CONTAINER_CREDENTIALS_FULL_URI", $"http://127.0.0.1:{port}/credentials");

        Assert.Equal(("from-container", "t"), await FoundAsync());
        await answering;
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
        foreach (var (name, value) in _before) Environment.SetEnvironmentVariable(name, value);
        _folder.Dispose();
    }

    private static async Task<(string Key, string Token)> FoundAsync()
    {
        var found = await new AwsCredentials(given: null, AwsService.Emr).GetAsync("EMR cluster j-1", Cancel);
        return (found.AccessKey, found.Token ?? "");
    }

    private static int Listen(HttpListener http)
    {
        // The listener takes no port from the system by itself.
        var port = LoopbackPort.Free();
        http.Prefixes.Add($"http://127.0.0.1:{port}/");
        http.Start();
        return port;
    }
}
