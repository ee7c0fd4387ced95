using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Pipeline.Telemetry.Tests.CloudWatch;

/// <summary>Takes what is put, or refuses it as told.</summary>
internal sealed class ScriptedCloudWatch : HttpMessageHandler
{
    private int _requests;

    /// <summary>What a request comes to, by its number from 1; null: it is taken.</summary>
    public Func<int, HttpResponseMessage?> Answer { get; set; } = _ => null;

    public List<(string Json, IReadOnlyList<JsonNode> Metrics)> Taken { get; } = [];

    public int Requests => _requests;

    public static HttpResponseMessage Error(int status, string code, string message = "said so") =>
        new((HttpStatusCode)status) { Content = new StringContent($$"""{"__type":"com.amazonaws.cloudwatch#{{code}}","message":"{{message}}"}""", Encoding.UTF8, "application/x-amz-json-1.0") };

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (Answer(++_requests) is { } refusal) return refusal;
        var body = await request.Content!.ReadAsStreamAsync(cancellationToken);
        if (request.Content.Headers.ContentEncoding.Contains("gzip")) body = new GZipStream(body, CompressionMode.Decompress);
        using var reader = new StreamReader(body);
        var json = await reader.ReadToEndAsync(cancellationToken);
        Taken.Add((json, [.. JsonNode.Parse(json)!["MetricData"]!.AsArray().Select(metric => metric!)]));
        return new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("{}", Encoding.UTF8, "application/x-amz-json-1.0") };
    }
}
