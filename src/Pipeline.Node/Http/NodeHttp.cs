using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Operations.Options;
using Pipeline.Telemetry;

namespace Pipeline.Node.Http;

/// <summary>
/// Where a node says how it is and what it has measured, to whoever reaches its address: nothing there changes anything, and nothing says a secret.
/// </summary>
internal sealed class NodeHttp : IAsyncDisposable
{
    private static readonly string[] Reading = [HttpMethods.Get, HttpMethods.Head];

    private readonly HttpOptions _options;
    private readonly WebApplication _web;

    /// <param name="measured">What the node has measured until now.</param>
    /// <param name="pipeline">The pipeline's name.</param>
    public NodeHttp(HttpOptions options, NodeHealth health, Func<MetricInterval> measured, string pipeline, ILoggerFactory logs)
    {
        _options = options;
        // Nothing of the environment's that is meant for other web servers.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(logs);
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = 100;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(2);
            kestrel.Listen(options.Address, options.Port);
        });
        _web = builder.Build();
        if (IPAddress.IsLoopback(options.Address)) _web.Use(RefuseOtherNamesAsync);
        _web.UseRouting();
        _web.MapMethods("/healthz/live", Reading, async http => await HealthJson.WriteAsync(http, "live", await health.LiveAsync(http.RequestAborted)));
        _web.MapMethods("/healthz/ready", Reading, async http => await HealthJson.WriteAsync(http, "ready", await health.ReadyAsync(http.RequestAborted)));
        _web.MapMethods("/metrics", Reading, http => MetricsText.WriteAsync(http, measured(), pipeline));
    }

    /// <summary>With the port that was taken.</summary>
    public Uri Address { get; private set; } = null!;

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

        Address = new Uri(_web.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single());
    }

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    /// <summary>
    /// A page in this machine's browser may ask here under a name of its own that it has pointed at the loopback interface (DNS
    /// rebinding): then the browser lets it read the answer.
    /// </summary>
    private async Task RefuseOtherNamesAsync(HttpContext http, RequestDelegate next)
    {
        var name = http.Request.Host.Host;
        if (name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || name == _options.Host || (IPAddress.TryParse(name, out var address) && IPAddress.IsLoopback(address)))
        {
            await next(http);
            return;
        }

        http.Response.StatusCode = StatusCodes.Status421MisdirectedRequest;
        await http.Response.WriteAsync("Ask for localhost or 127.0.0.1: this node answers to no other name here.\n", http.RequestAborted);
    }
}
