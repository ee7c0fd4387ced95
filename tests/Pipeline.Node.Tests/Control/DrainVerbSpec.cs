using System.Net;
using System.Text.Json;
using Pipeline.Node.Cli;
using Pipeline.Node.Http.Api;
using Pipeline.Node.Http.Api.Documents;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Control;

/// <summary>What <c>drain</c> makes of a node that says now and then nothing.</summary>
public sealed class DrainVerbSpec : IDisposable
{
    private const string Node = "10.0.0.5:4053";

    private readonly ScratchDirectory _directory = new("pipeline-drain-");
    private readonly HttpListener _listener = new();
    private readonly Uri _url = new($"http://127.0.0.1:{LoopbackPort.Free()}/");

    public DrainVerbSpec()
    {
        _listener.Prefixes.Add(_url.ToString());
        _listener.Start();
    }

    public void Dispose()
    {
        ((IDisposable)_listener).Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_node_that_is_busy_in_between_is_asked_again_until_nothing_is_open()
    {
        var serving = ServeAsync(Saying(isHeld: false), Status(HttpStatusCode.ServiceUnavailable), Status(HttpStatusCode.TooManyRequests), Status(HttpStatusCode.BadGateway), Saying(isHeld: false), Saying(isHeld: true));

        var run = await DrainAsync("10m");

        Assert.True(run.ExitCode == ExitCode.Done, run.ToString());
        Assert.Empty(run.Document["open"]!.AsArray());
        await serving;
    }

    [Fact]
    public async Task What_was_open_when_a_node_last_spoke_is_told_when_the_time_is_over()
    {
        // What comes after these is never answered.
        _ = ServeAsync(Saying(isHeld: false), Status(HttpStatusCode.ServiceUnavailable));

        var run = await DrainAsync("4s");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Equal([Node], run.Document["open"]!.AsArray().Select(open => (string)open!));
    }

    private async Task<NodeRun> DrainAsync(string wait)
    {
        var config = await RunningNode.ConfigureAsync(_directory, "");
        return await NodeRun.OfAsync(new Dictionary<string, string>(StringComparer.Ordinal) { ["PIPELINE_TOKEN"] = "a" }, "drain", Node, "--reason", "a test", "--wait", wait, "--url", _url.ToString(), "--config", config, "-o", "json");
    }

    private async Task ServeAsync(params Action<HttpListenerResponse>[] answers)
    {
        foreach (var answer in answers) answer((await _listener.GetContextAsync()).Response);
    }

    private static Action<HttpListenerResponse> Status(HttpStatusCode code) => response =>
    {
        response.StatusCode = (int)code;
        response.Close();
    };

    private static Action<HttpListenerResponse> Saying(bool isHeld) => response =>
    {
        var now = DateTimeOffset.UnixEpoch;
        var document = new RunningDocument(ApiJson.SchemaVersion, now, LakeAwaySince: null, Unrecorded: [], [new NodeItem(Node, "1.0.0", [], now, now, "x", isHeld, BufferBytes: 0, Away: [])], Sources: [], Items: [], Next: null);
        response.ContentType = "application/json";
        response.Close(JsonSerializer.SerializeToUtf8Bytes(document, ApiJson.Options), willBlock: true);
    };
}
