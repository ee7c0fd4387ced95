using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Pipeline.Node.Composition;
using Pipeline.Node.Http.Access;
using Pipeline.Node.Http.Api;
using Pipeline.Node.Http.Api.Documents;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Tests.Cli;

/// <summary>Answers by a socket where a node of a configuration's pipeline would.</summary>
internal static class StandInNode
{
    public static async Task<WebApplication> ServeAsync(string config, Func<HttpContext, Task> answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var path = SocketPlace.Prepare(PipelineOptions.Load(config, SourceKinds.All, lakeLocation: null, _ => null));
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(path));
        var node = builder.Build();
        node.Run(http => answer(http));
        await node.StartAsync(TestContext.Current.CancellationToken);
        return node;
    }

    public static async Task WriteAsync(HttpContext http, RunningDocument document)
    {
        http.Response.ContentType = "application/json";
        await http.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(document, ApiJson.Options), http.RequestAborted);
    }
}
