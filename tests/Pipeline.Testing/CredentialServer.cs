using System.Globalization;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Pipeline.Testing;

/// <summary>
/// Who gives out AWS credentials, on a free loopback port and as documented: the agent of a container, the metadata of an instance
/// (version 2 alone), and STS. They are <c>key-1</c>, <c>secret-1</c>, <c>token-1</c>, then <c>key-2</c> and so on.
/// </summary>
public sealed class CredentialServer : IAsyncDisposable
{
    /// <summary>Where the agent of a container answers.</summary>
    public const string ContainerPath = "/v2/credentials/silver";

    private const string MetadataToken = "metadata-token";
    private const string MetadataPath = "/latest/meta-data/iam/security-credentials";

    private static readonly TimeSpan RenewedWithin = Deadlines.Test;

    private readonly WebApplication _web;
    private int _given;

    private CredentialServer()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _web = builder.Build();
        _web.Run(AnswerAsync);
    }

    public Uri Url { get; private set; } = null!;

    /// <summary>How many credentials were given.</summary>
    public int Given => Volatile.Read(ref _given);

    /// <summary>How long those that are given from now on hold.</summary>
    public TimeSpan Holds { get; set; } = TimeSpan.FromHours(1);

    /// <summary>What a container must show as <c>Authorization</c>; null: nothing.</summary>
    public string? ContainerToken { get; set; }

    /// <summary>Everything is answered by this; null: by credentials.</summary>
    public (int Status, string Body)? Refusal { get; set; }

    public static async Task<CredentialServer> StartAsync(CancellationToken cancellationToken)
    {
        var server = new CredentialServer();
        await server._web.StartAsync(cancellationToken);
        server.Url = new Uri(server._web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        return server;
    }

    /// <summary>Asks for credentials until others are had: who renews them does it beside those who ask, and tells nobody.</summary>
    /// <exception cref="TimeoutException">They are still the same.</exception>
    public static async Task UntilRenewedAsync(Func<CancellationToken, Task<bool>> isRenewed, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(RenewedWithin);
        try
        {
            while (!await isRenewed(deadline.Token)) await Task.Delay(TimeSpan.FromMilliseconds(20), deadline.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"The credentials were still the same after {RenewedWithin}.", e);
        }
    }

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    private async Task AnswerAsync(HttpContext http)
    {
        var (status, body) = Refusal ?? await AnswerToAsync(http.Request);
        http.Response.StatusCode = status;
        http.Response.ContentType = body.StartsWith('<') ? "text/xml" : body.StartsWith('{') ? "application/json" : "text/plain";
        await http.Response.WriteAsync(body);
    }

    private async Task<(int Status, string Body)> AnswerToAsync(HttpRequest request)
    {
        var isOfInstance = request.Headers["X-aws-ec2-metadata-token"] == MetadataToken;
        switch (request.Method, request.Path.Value!.TrimEnd('/'))
        {
            case ("GET", ContainerPath):
                return ContainerToken is null || request.Headers.Authorization == ContainerToken ? (200, Json()) : (401, """{"code":"InvalidToken","message":"the token is not the container's"}""");
            case ("PUT", "/latest/api/token"):
                return request.Headers.ContainsKey("X-aws-ec2-metadata-token-ttl-seconds") ? (200, MetadataToken) : (400, "");
            case ("GET", MetadataPath):
                return isOfInstance ? (200, "silver") : (401, "");
            case ("GET", MetadataPath + "/silver"):
                return isOfInstance ? (200, Json()) : (401, "");
            case ("POST", ""):
                var form = await request.ReadFormAsync();
                return (200, Xml(form["Action"].ToString(), form["RoleArn"].ToString()));
            default:
                return (404, "");
        }
    }

    private string Json()
    {
        var (number, ends) = Next();
        return JsonSerializer.Serialize(new
        {
            Code = "Success", LastUpdated = "2026-01-01T00:00:00Z", Type = "AWS-HMAC", AccessKeyId = $"key-{number}", SecretAccessKey = $"secret-{number}", Token = $"token-{number}", Expiration = ends,
        });
    }

    private string Xml(string action, string role)
    {
        var (number, ends) = Next();
        return $"""
            <{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>
              <AssumedRoleUser><AssumedRoleId>id:session</AssumedRoleId><Arn>{role}/session</Arn></AssumedRoleUser>
              <Credentials><AccessKeyId>key-{number}</AccessKeyId><SecretAccessKey>secret-{number}</SecretAccessKey><SessionToken>token-{number}</SessionToken><Expiration>{ends}</Expiration></Credentials>
            </{action}Result></{action}Response>
            """;
    }

    private (string Number, string Ends) Next() => (Interlocked.Increment(ref _given).ToString(CultureInfo.InvariantCulture),
        (TimeProvider.System.GetUtcNow() + Holds).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
}
