using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Pipeline.Emulation.Emr;

/// <summary>The service on a port of the loopback interface.</summary>
public sealed class EmrServer : IAsyncDisposable
{
    private readonly EmrWire _wire;
    private readonly WebApplication _web;

    private EmrServer(EmrService service, int port)
    {
        _wire = new EmrWire(service);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        _web = builder.Build();
        _web.Run(AnswerAsync);
    }

    /// <summary>What stands for <c>https://elasticmapreduce.REGION.amazonaws.com</c>.</summary>
    public Uri Url { get; private set; } = null!;

    /// <param name="port">0: a free one.</param>
    public static async Task<EmrServer> StartAsync(EmrService service, int port, CancellationToken cancellationToken)
    {
        var server = new EmrServer(service, port);
        await server._web.StartAsync(cancellationToken);
        server.Url = new Uri(server._web.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single());
        return server;
    }

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    private async Task AnswerAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        var headers = http.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        var answer = _wire.Answer(new EmrRequest(http.Request.Method, http.Request.Path + http.Request.QueryString, headers.GetValueOrDefault, body.ToArray()));
        if (answer is null)
        {
            http.Abort();
            return;
        }

        http.Response.StatusCode = answer.Status;
        http.Response.ContentType = answer.ContentType;
        http.Response.ContentLength = answer.Body.Length;
        http.Response.Headers["x-amzn-RequestId"] = Guid.NewGuid().ToString();
        if (answer.ErrorType is not null) http.Response.Headers["x-amzn-ErrorType"] = answer.ErrorType;
        await http.Response.Body.WriteAsync(answer.Body);
    }
}
