using System.Text.Json;
using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Http.Api;
using Pipeline.Node.Http.Api.Documents;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;
using Pipeline.Transform.Coordination.Freshness;

namespace Pipeline.Node.Tests.Cli;

/// <summary>What scripts and pipes get of a pipeline that is well, whole. With <c>GOLDEN=update</c> it is written; what a terminal shows has goldens of its own.</summary>
public sealed class WellScreensSpec : IDisposable
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 2, 12, 0, 0, TimeSpan.Zero);
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
    private static readonly TableId[] Tables = [TableId.Bronze("crm", "accounts"), TableId.Bronze("events", "page_views"), TableId.Silver("accounts"), TableId.Silver("page_views"), TableId.Gold("accounts_by_day")];

    private readonly LakeFixture _lake = new();
    private readonly ScratchDirectory _directory = new("pipeline-well-");

    public void Dispose()
    {
        _lake.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_lake()
    {
        foreach (var table in Tables) await _lake.AppendAsync(table, "Ada", "Grace");
        await new LakeStatus(_lake.Time.GetUtcNow().AddSeconds(-20), [.. Tables.Select((table, i) => new ToldTable(table, 1, _lake.Time.GetUtcNow().AddSeconds(-1.5 * (i + 1)), 7_200, Fault: null))]).WriteAsync(_lake.Lake.Store, TestContext.Current.CancellationToken);

        await VerifyAsync("status", "status", "--lake", _lake.Directory);
    }

    [Theory]
    [InlineData("status-running", "status", "--running")]
    [InlineData("watch", "watch", "--times", "1")]
    public async Task A_running_pipeline(string golden, params string[] args)
    {
        var config = await RunningNode.ConfigureAsync(_directory, "", $"http.socket-directory = \"{Path.Combine(_directory, "s")}\"");
        await using var node = await StandInNode.ServeAsync(config, http => StandInNode.WriteAsync(http, Running()));

        await VerifyAsync(golden, [.. args, "--config", config]);
    }

    private async Task VerifyAsync(string golden, params string[] args)
    {
        var text = await NodeRun.OfAsync(_lake.Time, new Dictionary<string, string>(StringComparer.Ordinal), args);
        var json = await NodeRun.OfAsync(_lake.Time, new Dictionary<string, string>(StringComparer.Ordinal), [.. args, "-o", "json"]);

        Assert.Equal((ExitCode.Done, ExitCode.Done, "", ""), (text.ExitCode, json.ExitCode, text.Messages, json.Messages));
        Golden.Verify($"well/{golden}.txt", string.Join('\n', text.Data.Split('\n').Select(line => line.TrimEnd('\r'))));
        Golden.Verify($"well/{golden}.json", JsonNode.Parse(json.Data)!.ToJsonString(Indented));
    }

    private static RunningDocument Running()
    {
        WorkItem Table(TableId table, string state, double? rate, string node) => new(table, state, Noon.AddHours(-26), 1_000, 1_000_000, rate, Pending: 0, Noon, Noon, Fault: null, [node], 1.5, 7_200, IsLate: false, Wait: null, Run: null, Runner: null);
        NodeItem Node(string name, params string[] roles) => new(name, "2026.11", roles, Noon.AddHours(-26), Noon, "3f2a", IsHeld: false, 1_000, []);
        const string one = "10.0.0.5:4053", other = "10.0.0.6:4053";
        return new RunningDocument(ApiJson.SchemaVersion, Noon, LakeAwaySince: null, Unrecorded: [], [Node(one, "ingest", "transform"), Node(other, "ingest", "web")],
            [new SourceItem("crm", "postgres", 1, "reading", 0.4, 12.5, Fault: null), new SourceItem("events", "kafka", 1, "reading", 0.2, 1_240, Fault: null)],
            [Table(Tables[0], "reading", 12.5, other), Table(Tables[1], "reading", 1_240, one), Table(Tables[2], "current", null, one), Table(Tables[3], "running", 8_200, one), Table(Tables[4], "current", null, one)], Next: null);
    }
}
