using System.Collections.Concurrent;
using System.IO.Compression;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Pipeline.Telemetry.Tests.Otlp;

/// <summary>An HTTP server that keeps what it is sent and answers as it is told.</summary>
internal sealed class ScriptedReceiver : IAsyncDisposable
{
    private readonly WebApplication _web;

    private ScriptedReceiver()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _web = builder.Build();
        _web.Run(AnswerAsync);
    }

    public Uri Url => new(_web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    public ConcurrentQueue<SentRequest> Sent { get; } = [];

    /// <summary>Called with the number of the request, from 1.</summary>
    public Func<int, HttpResponse, byte[]> Answer { get; set; } = (_, _) => [];

    public static async Task<ScriptedReceiver> StartAsync()
    {
        var receiver = new ScriptedReceiver();
        await receiver._web.StartAsync(TestContext.Current.CancellationToken);
        return receiver;
    }

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    private async Task AnswerAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        var headers = http.Request.Headers.ToDictionary(header => header.Key.ToLowerInvariant(), header => header.Value.ToString(), StringComparer.Ordinal);
        Sent.Enqueue(new SentRequest(http.Request.Protocol, http.Request.Method, http.Request.Path, headers, body.ToArray()));
        var answer = Answer(Sent.Count, http.Response);
        await http.Response.Body.WriteAsync(answer, http.RequestAborted);
    }
}

/// <param name="Headers">By their names in lower case.</param>
internal sealed record SentRequest(string Protocol, string Method, string Path, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public byte[] Message()
    {
        if (!Headers.TryGetValue("content-encoding", out var encoding)) return Body;
        Assert.Equal("gzip", encoding);
        using var message = new MemoryStream();
        using (var compressed = new GZipStream(new MemoryStream(Body), CompressionMode.Decompress)) compressed.CopyTo(message);
        return message.ToArray();
    }
}
