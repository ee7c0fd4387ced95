using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Pipeline.Emulation.Emr;

namespace Pipeline.Emulation.Tests.Emr;

/// <summary>Requests written by hand.</summary>
internal sealed class EmrCaller(HttpClient client, TimeProvider time) : IDisposable
{
    private readonly HttpClient _client = client;

    /// <summary>Without a socket.</summary>
    public EmrCaller(EmrService service, TimeProvider time) : this(new HttpClient(new EmrMessageHandler(service)) { BaseAddress = new Uri("http://emr.test") }, time)
    {
    }

    public EmrCaller(Uri server) : this(new HttpClient { BaseAddress = server }, TimeProvider.System)
    {
    }

    public void Dispose() => _client.Dispose();

    public async Task<(int Status, JsonNode Body)> CallAsync(string operation, object input)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/") { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(input))) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/x-amz-json-1.1");
        request.Headers.TryAddWithoutValidation("X-Amz-Target", $"ElasticMapReduce.{operation}");
        request.Headers.TryAddWithoutValidation("X-Amz-Date", time.GetUtcNow().ToString("yyyyMMddTHHmmssZ", CultureInfo.InvariantCulture));
        request.Headers.TryAddWithoutValidation("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/elasticmapreduce/aws4_request, SignedHeaders=host, Signature=0");
        using var response = await _client.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return ((int)response.StatusCode, JsonNode.Parse(text.Length == 0 ? "{}" : text)!);
    }

    public async Task<JsonNode> OkAsync(string operation, object input)
    {
        var (status, body) = await CallAsync(operation, input);
        Assert.True(status == (int)HttpStatusCode.OK, body.ToJsonString());
        return body;
    }

    public async Task<string> RefusedAsync(string operation, object input)
    {
        var (status, body) = await CallAsync(operation, input);
        Assert.Equal(400, status);
        return $"{body["__type"]}: {body["message"] ?? body["Message"]}";
    }

    public async Task<string[]> AddAsync(string cluster, params IEnumerable<string> names)
    {
        var answer = await OkAsync("AddJobFlowSteps", new { JobFlowId = cluster, Steps = names.Select(name => StepOf(name)) });
        return [.. answer["StepIds"]!.AsArray().Select(id => (string)id!)];
    }

    public async Task<string> AddAsync(string cluster, string name, string[] args) =>
        (string)(await OkAsync("AddJobFlowSteps", new { JobFlowId = cluster, Steps = (object[])[StepOf(name, "CONTINUE", args)] }))["StepIds"]![0]!;

    public async Task<string> StateAsync(string cluster, string step) =>
        (string)(await OkAsync("DescribeStep", new { ClusterId = cluster, StepId = step }))["Step"]!["Status"]!["State"]!;

    public static object StepOf(string name, string action = "CONTINUE", params string[] args) =>
        new { Name = name, ActionOnFailure = action, HadoopJarStep = new { Jar = "command-runner.jar", Args = args } };
}
