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
    private const string Older = "10.0.0.7:4053";

    private static readonly NodeItem This = new(Node, "1.0.0", ["ingest"], DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, "x", IsHeld: false, BufferBytes: 0, Away: []);
    private static readonly NodeItem Other = This with { Node = "10.0.0.6:4053" };

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

    [Theory]
    [InlineData(Node, Older, "it reads on")]
    [InlineData("bronze/events/clicks", Older, "it may read on what is meant by bronze/events/clicks")]
    [InlineData("events", Older, "it may read on what is meant by events")]
    public async Task What_a_node_of_a_release_before_reads_is_not_waited_for(string target, string older, string cause)
    {
        var silent = target == Node ? target : older;
        var serving = ServeAsync(Saying([Other], new SilentItem(silent, PlacesWork: false)));

        var run = await DrainAsync("10m", target);

        await serving;
        AssertTold(run, silent, cause, "Stop it with SIGTERM");
        Assert.Equal([target], run.Document["open"]!.AsArray().Select(open => (string)open!));
    }

    [Fact]
    public async Task That_a_node_of_a_release_before_places_the_work_is_told_and_not_waited_for()
    {
        var serving = ServeAsync(Saying([This, Other], new SilentItem(Older, PlacesWork: true)));

        var run = await DrainAsync("10m");

        await serving;
        AssertTold(run, Older, $"takes nothing from a drained one: what {Node} has read rests", $"./pipeline resume {Node} --reason WHY");
    }

    [Fact]
    public async Task Where_a_node_of_a_release_before_only_reads_along_others_take_over_as_ever()
    {
        var serving = ServeAsync(Saying([This, Other], new SilentItem(Older, PlacesWork: false)), Saying([This with { IsHeld = true }, Other], new SilentItem(Older, PlacesWork: false)));

        var run = await DrainAsync("10m");

        await serving;
        Assert.True(run.ExitCode == ExitCode.Done, run.ToString());
    }

    [Fact]
    public async Task That_nobody_does_what_operators_want_where_the_oldest_node_is_of_a_release_before_is_told_and_not_waited_for()
    {
        var serving = ServeAsync(response =>
        {
            response.StatusCode = (int)HttpStatusCode.Conflict;
            response.ContentType = ApiProblem.MediaType;
            response.Close(JsonSerializer.SerializeToUtf8Bytes(new ApiProblem(409, "silent_leader", $"Node {Older}", "it is the oldest", "Stop it with SIGTERM."), ApiJson.Options), willBlock: true);
        });

        var run = await DrainAsync("10m");

        await serving;
        AssertTold(run, Older, "it is the oldest", "Stop it with SIGTERM");
    }

    private static void AssertTold(NodeRun run, string node, string cause, string nextStep)
    {
        Assert.True(run.ExitCode == ExitCode.Failed, run.ToString());
        var error = Assert.Single(run.Document["errors"]!.AsArray())!;
        Assert.Equal($"Node {node}", (string)error["thing"]!);
        Assert.Contains(cause, (string)error["cause"]!, StringComparison.Ordinal);
        Assert.Contains(nextStep, (string)error["next_step"]!, StringComparison.Ordinal);
    }

    private async Task<NodeRun> DrainAsync(string wait, string target = Node)
    {
        var config = await RunningNode.ConfigureAsync(_directory, """events { type = kafka, bootstrap = "127.0.0.1:1", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json } } }""");
        return await NodeRun.OfAsync(new Dictionary<string, string>(StringComparer.Ordinal) { ["PIPELINE_TOKEN"] = "a" }, "drain", target, "--reason", "a test", "--wait", wait, "--url", _url.ToString(), "--config", config, "-o", "json");
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

    private static Action<HttpListenerResponse> Saying(bool isHeld) => Saying([This with { IsHeld = isHeld, Roles = [] }]);

    private static Action<HttpListenerResponse> Saying(IReadOnlyList<NodeItem> nodes, params IReadOnlyList<SilentItem> silent) => response =>
    {
        var document = new RunningDocument(ApiJson.SchemaVersion, DateTimeOffset.UnixEpoch, LakeAwaySince: null, Unrecorded: [], nodes, Sources: [], Items: [], Next: null) { Silent = silent };
        response.ContentType = "application/json";
        response.Close(JsonSerializer.SerializeToUtf8Bytes(document, ApiJson.Options), willBlock: true);
    };
}
