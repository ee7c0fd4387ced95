using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Node.Http.Access;
using Pipeline.Node.Http.Api;
using Pipeline.Node.Http.Events;
using Pipeline.Operations.Access;
using Pipeline.Operations.Options;
using Pipeline.Remoting.Tls;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace Pipeline.Node.Http;

/// <summary>
/// Where a node is asked: at an address, and by a socket of this machine. What is asked for, and by whom, stands in <see cref="ApiEndpoints.All"/>
/// and <see cref="AccessRules"/>; nothing else is answered.
/// </summary>
internal sealed class NodeHttp : IAsyncDisposable
{
    /// <summary>At the address, and as many at the socket; more are closed at once.</summary>
    public const int ConnectionsMax = 500;

    public const int BodyBytesMax = 64 << 10;

    private readonly HttpOptions _options;
    private readonly ApiServices _services;
    private readonly ServerCertificate? _certificate;
    private readonly ILogger _log;
    private readonly WebApplication _web;

    /// <param name="certificate">What is shown at the address; null: it speaks plain text. Disposed of with this object.</param>
    /// <param name="socket">The path of the socket; null: there is none.</param>
    public NodeHttp(ApiServices services, ServerCertificate? certificate, string? socket, ILoggerFactory logs)
    {
        (_options, _services, _certificate, SocketPath) = (services.Options.Http, services, certificate, socket);
        _log = logs.CreateLogger<NodeHttp>();
        // Nothing of the environment's that is meant for other web servers.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(logs);
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = ConnectionsMax;
            kestrel.Limits.MaxRequestBodySize = BodyBytesMax;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(20);
            kestrel.Listen(_options.Address, _options.Port, listen =>
            {
                // One request at a time on a connection, so that the limit of connections is one of requests.
                listen.Protocols = HttpProtocols.Http1;
                if (certificate is not null) listen.UseHttps(new HttpsConnectionAdapterOptions { ServerCertificate = certificate.Own, ServerCertificateChain = certificate.Between });
            });
            if (socket is not null) kestrel.ListenUnixSocket(socket, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(OnlyTrustedPeers);
            });
        });
        _web = builder.Build();
        _web.UseRouting();
        _web.Use(AnswerAsync);
        foreach (var endpoint in ApiEndpoints.All) _web.MapMethods(endpoint.Path, endpoint.Methods, http => endpoint.Handle(http.Features.GetRequiredFeature<ApiCall>())).WithMetadata(endpoint);
    }

    /// <summary>With the port that was taken.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>By which programs of this machine ask; null: there is no socket.</summary>
    public string? SocketPath { get; }

    internal EventFeed Events => _services.Events;

    /// <summary>What is answered at all, as the server has it.</summary>
    internal IReadOnlyList<RouteEndpoint> Routes => [.. ((IEndpointRouteBuilder)_web).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()];

    /// <exception cref="PipelineException">It cannot listen there.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _web.StartAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new PipelineException(FaultKind.Invalid, "This node", $"it cannot listen at {_options.Host}:{_options.Port}: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}",
                "Is this node running already? Stop that one, or give this one another http.host or http.port.", e);
        }

        // Nobody else was in its directory meanwhile.
        if (SocketPath is not null) OwnFiles.MakePrivate(SocketPath);
        Address = new Uri(_web.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single(address => !address.Contains("://unix:", StringComparison.Ordinal)));
    }

    public async ValueTask DisposeAsync()
    {
        // Whoever listens would keep the server from ending.
        _services.Events.Dispose();
        await _web.DisposeAsync();
        _certificate?.Dispose();
    }

    private static ConnectionDelegate OnlyTrustedPeers(ConnectionDelegate next) => async connection =>
    {
        if (connection.Features.Get<IConnectionSocketFeature>()?.Socket is not { } socket || PeerCredentials.UidOf(socket) is not { } uid || !PeerCredentials.IsTrusted(uid))
        {
            connection.Abort();
            return;
        }

        connection.Features.Set(new LocalPeer(uid));
        await next(connection);
    };

    private async Task AnswerAsync(HttpContext http, RequestDelegate next)
    {
        try
        {
            SetHeaders(http.Response);
            await AnswerEndpointAsync(http, next);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested || _services.Events.Ended.IsCancellationRequested)
        {
            // Nobody waits for the answer, or the node ends.
        }
        catch (Exception e)
        {
            // The outermost frame of a request: whatever arrives here is its answer.
            if (Fault.Of("This request", e).Kind == FaultKind.Defect && e is not BadHttpRequestException) _log.RequestFailed(e, http.Request.Method, http.Request.Path);
            if (http.Response.HasStarted) http.Abort();
            else await (e is BadHttpRequestException bad ? new ApiProblem(bad.StatusCode, "invalid", "This request", bad.Message.TrimEnd('.'), "Send it anew as HTTP asks.") : ApiProblem.Of(e)).WriteAsync(http);
        }
    }

    private async Task AnswerEndpointAsync(HttpContext http, RequestDelegate next)
    {
        var routed = http.GetEndpoint();
        if (routed?.Metadata.GetMetadata<ApiEndpoint>() is not { } endpoint)
        {
            await next(http);
            var (code, cause) = http.Response.StatusCode == StatusCodes.Status405MethodNotAllowed ? ("method", $"what is at {http.Request.Path} is not for {http.Request.Method}") : ("missing", $"nothing is at {http.Request.Path}");
            await new ApiProblem(http.Response.StatusCode, code, "This request", cause, "GET /v1/openapi.json says what there is.").WriteAsync(http);
            return;
        }

        if (http.Request.ContentLength > BodyBytesMax)
        {
            await new ApiProblem(StatusCodes.Status413PayloadTooLarge, "too_large", "This request", $"its body has more than {BodyBytesMax} bytes", "Send less.").WriteAsync(http);
            return;
        }

        Caller? caller;
        try
        {
            caller = _services.Gate.CallerOf(http);
        }
        catch (PipelineException e)
        {
            // Where the file is and what is wrong with it is nothing for who may be anybody.
            _log.NoTokens(e.Thing, e.Cause, e.NextStep);
            await new ApiProblem(StatusCodes.Status503ServiceUnavailable, "no_tokens", "This node", "it cannot look whether a token is good", "Its log says why; by its socket it answers without one.").WriteAsync(http);
            return;
        }

        if (_services.Gate.Refuse(http, endpoint.Access, caller) is { } refusal)
        {
            await ApiProblem.Of(refusal).WriteAsync(http);
            return;
        }

        var call = new ApiCall(http, endpoint, _services, caller);
        if (endpoint.Access != ApiAccess.Open) call.RequireKnown();
        http.Features.Set(call);
        await next(http);
    }

    /// <summary>What is here is for no page of another origin, as part of it or to read.</summary>
    private static void SetHeaders(HttpResponse response)
    {
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
        response.Headers["Cross-Origin-Resource-Policy"] = "same-origin";
    }
}
