using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Pipeline.Emulation.Kafka;
using Pipeline.Ingest;
using Pipeline.Node.Http.Access;
using Pipeline.Operations.Control;
using Pipeline.Operations.Options;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Http;

/// <summary>Changes are planned, applied once for a reason, and recorded with who has wanted them.</summary>
public sealed class ControlApiSpec : IDisposable
{
    private const string Clicks = "bronze/events/clicks";

    private readonly ScratchDirectory _directory = new("pipeline-control-api-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_plan_is_applied_once_and_says_who_has_wanted_it_and_why()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        await using var node = await StartAsync(kafka);
        await node.Node.WaitForStateAsync(Clicks, IngestState.Running);

        var plan = await PlanAsync(node, "pause", Clicks);
        Assert.Equal((Clicks, "pauses"), ((string)plan["changes"]![0]!["thing"]!, (string)plan["changes"]![0]!["change"]!));
        Assert.Empty((await StateAsync(node))["wishes"]!.AsArray());
        var (status, applied) = await ApplyAsync(node, "operator", (string)plan["id"]!, "the broker is moved");
        Assert.Equal((HttpStatusCode.OK, "recorded"), (status, (string)applied["outcome"]!));
        await node.Node.WaitForTableAsync(Clicks, line => line.Report.State == WorkState.Paused);
        await WaitForAsync(node, "/v1/running", running => running["items"]!.AsArray().Any(item => (string)item!["table"]! == Clicks && (string)item["state"]! == "paused"));
        await WaitForAsync(node, "/v1/events", events => events["items"]!.AsArray().Any(item => ((string)item!["kind"]!, (string)item["thing"]!, (string)item["who"]!) == ("wished", Clicks, "token operator")));

        var (again, repeated) = await ApplyAsync(node, "operator", (string)plan["id"]!, "the broker is moved");
        Assert.Equal((HttpStatusCode.OK, "repeated", (string)applied["id"]!), (again, (string)repeated["outcome"]!, (string)repeated["id"]!));
        var wish = Assert.Single((await StateAsync(node))["wishes"]!.AsArray())!;
        Assert.Equal(("paused", Clicks, "token operator", "the broker is moved"), ((string)wish["kind"]!, (string)wish["target"]!, (string)wish["who"]!, (string)wish["why"]!));

        var (_, resumed) = await ApplyAsync(node, "admin", (string)(await PlanAsync(node, "resume", Clicks))["id"]!, "it has moved");
        Assert.Equal("recorded", (string)resumed["outcome"]!);
        await node.Node.WaitForStateAsync(Clicks, IngestState.Running);
    }

    [Fact]
    public async Task A_plan_over_what_has_moved_one_without_a_reason_and_one_that_is_none_change_nothing()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        await using var node = await StartAsync(kafka);
        var (first, second) = (await PlanAsync(node, "pause", Clicks), await PlanAsync(node, "drain", Clicks));

        var (unsaid, noReason) = await ApplyAsync(node, "operator", (string)first["id"]!, "  ");
        Assert.Equal((HttpStatusCode.BadRequest, "no_reason"), (unsaid, (string)noReason["code"]!));
        Assert.Empty((await StateAsync(node))["wishes"]!.AsArray());
        Assert.Equal(HttpStatusCode.OK, (await ApplyAsync(node, "operator", (string)first["id"]!, "now")).Status);
        var (late, moved) = await ApplyAsync(node, "operator", (string)second["id"]!, "now");
        Assert.Equal((HttpStatusCode.Conflict, "moved"), (late, (string)moved["code"]!));
        var (strange, unknown) = await ApplyAsync(node, "operator", "bm90aGluZw", "now");
        Assert.Equal((HttpStatusCode.NotFound, "unknown_plan"), (strange, (string)unknown["code"]!));
        Assert.Equal("paused", (string)Assert.Single((await StateAsync(node))["wishes"]!.AsArray())!["kind"]!);
    }

    [Fact]
    public async Task What_cannot_be_changed_back_is_for_an_admin_planned_or_applied()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        await using var node = await StartAsync(kafka);
        await node.Node.WaitForStateAsync(Clicks, IngestState.Running);
        foreach (var verb in Enum.GetValues<ControlVerb>())
        {
            var (status, problem) = await PostAsync(node, "operator", "/v1/plans", new JsonObject { ["verb"] = ControlWords.Of(verb), ["target"] = Clicks });
            Assert.Equal(AccessRules.RoleOf(verb) == AccessRole.Admin, status == HttpStatusCode.Forbidden);
            if (status == HttpStatusCode.Forbidden) Assert.Contains("role admin", (string)problem["cause"]!, StringComparison.Ordinal);
        }

        // The plan of an admin is no operator's to apply.
        var (planned, plan) = await PostAsync(node, "admin", "/v1/plans", new JsonObject { ["verb"] = "accept-gap", ["target"] = Clicks });
        Assert.True(planned == HttpStatusCode.OK, plan.ToJsonString());
        var (refused, why) = await ApplyAsync(node, "operator", (string)plan["id"]!, "because");
        Assert.Equal((HttpStatusCode.Forbidden, "forbidden"), (refused, (string)why["code"]!));
        Assert.Empty((await StateAsync(node))["orders"]!.AsArray());
    }

    [Theory]
    [InlineData("""{ "verb": "stop", "target": "bronze/events/clicks" }""", "'verb' of this request")]
    [InlineData("""{ "verb": "pause", "target": "bronze/clicks" }""", "'target' of this request")]
    [InlineData("""{ "verb": "pause" }""", "'body' of this request")]
    [InlineData("""{ "verb": "pause", "target": "bronze/events/clicks", "sql": "select 1" }""", "'body' of this request")]
    [InlineData("""["pause"]""", "'body' of this request")]
    [InlineData("not json", "'body' of this request")]
    public async Task What_cannot_be_read_is_told(string body, string thing)
    {
        await using var node = await WebNode.StartAsync(_directory);

        using var answer = await node.SendAsync("admin", new HttpRequestMessage(HttpMethod.Post, "/v1/plans") { Content = new StringContent(body, Encoding.UTF8, "application/json") });

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(thing, (string)JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["thing"]!);
    }

    private Task<WebNode> StartAsync(EmbeddedKafka kafka) => WebNode.StartAsync(_directory, sources: $$"""
        events { type = kafka, bootstrap = "{{kafka.Bootstrap}}", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json } } }
        """);

    private static async Task<JsonNode> PlanAsync(WebNode node, string verb, string target)
    {
        var (status, plan) = await PostAsync(node, "operator", "/v1/plans", new JsonObject { ["verb"] = verb, ["target"] = target });
        Assert.True(status == HttpStatusCode.OK, plan.ToJsonString());
        return plan;
    }

    private static Task<(HttpStatusCode Status, JsonNode Document)> ApplyAsync(WebNode node, string credential, string id, string reason) =>
        PostAsync(node, credential, "/v1/plans/apply", new JsonObject { ["id"] = id, ["reason"] = reason });

    private static Task<JsonNode> StateAsync(WebNode node) => ReadAsync(node, "/v1/control");

    private static async Task<JsonNode> ReadAsync(WebNode node, string path)
    {
        using var answer = await node.GetAsync("viewer", path);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
    }

    /// <summary>Asks until the document is so; fails with the last.</summary>
    private static async Task WaitForAsync(WebNode node, string path, Func<JsonNode, bool> isSo)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        using var pulse = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        JsonNode last;
        do last = await ReadAsync(node, path);
        while (!(last["items"] is not null && isSo(last)) && !deadline.IsCancellationRequested && await pulse.WaitForNextTickAsync(TestContext.Current.CancellationToken));
        Assert.True(last["items"] is not null && isSo(last), $"{path} still says {last.ToJsonString()}");
    }

    private static async Task<(HttpStatusCode Status, JsonNode Document)> PostAsync(WebNode node, string credential, string path, JsonObject body)
    {
        using var answer = await node.SendAsync(credential, new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json") });
        return (answer.StatusCode, JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!);
    }
}
