using System.Text.Json.Nodes;
using Microsoft.Data.Sqlite;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Node.Tests.Cli;
using Pipeline.Operations.Options;
using Pipeline.Releases;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Releases;

/// <summary>What the releases before have left opens, goes on, and is right to the end.</summary>
public sealed partial class YesterdaySpec
{
    private static readonly string[] WithReferences = ["product_inventory", "financial_transactions", "user_events", "order_events", "inventory_updates"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Releases => [.. Release.All.Select(release => release.Name)];

    [Theory, MemberData(nameof(Releases))]
    public void Its_configurations_are_valid(string name)
    {
        var release = Release.Of(name);

        foreach (var file in Directory.EnumerateFiles(release.Configurations, "*.conf").Where(file => Path.GetFileName(file) != "akka.conf"))
        {
            var options = PipelineOptions.Load(file, SourceKinds.All, lakeLocation: null, _ => null);

            Assert.NotEmpty(options.Sources);
            // It sets options by the names that they had, and each is told.
            if (Path.GetFileName(file) == "every-option.conf") Assert.NotEmpty(options.Notes.Notices);
        }
    }

    [Theory, MemberData(nameof(Releases))]
    public async Task Verbs_read_its_lake(string name)
    {
        var release = Release.Of(name);
        await using var state = await release.UnpackAsync(Cancel);

        var tables = await RunAsync(state, "tables");
        Assert.Equal(11, tables.Count(table => ((string)table!["table"]!).StartsWith("bronze/", StringComparison.Ordinal) && !((string)table["table"]!).EndsWith("_dead_letter", StringComparison.Ordinal)));
        Assert.Equal(11, tables.Count(table => ((string)table!["table"]!).StartsWith("gold/", StringComparison.Ordinal)));
        foreach (var table in tables.Select(table => (string)table!["table"]!).Where(IsLookedAt))
        {
            Assert.NotEmpty(await RunAsync(state, "show", table, "--limit", "3"));
            Assert.NotEmpty(await RunAsync(state, "history", table));
        }

        Assert.Contains(await RunAsync(state, "history", "bronze/events/system_metrics", "--limit", "100"), commit => (string?)commit!["operation"] == GapAcceptance.Operation);
        Assert.Contains(await RunAsync(state, "dlq", "list"), letter => (long)letter!["redriven"]! > 0);
        Assert.All(await RunAsync(state, "verify"), finding => Assert.True((bool)finding!["ok"]!, finding.ToJsonString()));
    }

    [Theory, MemberData(nameof(Releases))]
    public async Task A_node_goes_on_where_it_was_killed(string name)
    {
        var release = Release.Of(name);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        deadline.CancelAfter(Deadlines.Test);
        await using var state = await release.UnpackAsync(Cancel);
        await using var sources = await SourceSystems.StartAsync(state.SourcesDirectory, release.Rows, Cancel);
        await sources.ContinueAsync(state.OpenLake(), Cancel);
        Assert.NotEqual(0, await HeldAsync(state, "order_events"));
        Assert.Equal(0, await RunsOverAsync(state, release.HalfWay));
        Assert.Equal([release.HalfWay], Unended(state));

        await sources.WriteAsync("later", 0, Cancel);
        await using var node = state.Start(["run"], sources);
        await node.UntilAsync(state.UntilTakenInAsync(sources, deadline.Token));
        await node.UntilAsync(UntilNoneIsHeldAsync(state, deadline.Token));
        await node.UntilAsync(UntilSoldAsync(state, order: 900, deadline.Token));
        Assert.Equal(0, await node.StopAsync(Cancel));
        // Its contracts were written before Spark was thought of.
        Assert.Contains("DuckDB runs it, and Spark would give another answer", node.Log, StringComparison.Ordinal);

        // Its one table that masks has no key yet: it stands, and says the line.
        Assert.Contains("pipeline.transform.mask-key = \"secret:file:", node.Log, StringComparison.Ordinal);

        Assert.Equal(1, await RunsOverAsync(state, release.HalfWay));
        Assert.DoesNotContain(release.HalfWay, Unended(state));
        Assert.All(await RunAsync(state, "verify"), finding => Assert.True((bool)finding!["ok"]!, finding.ToJsonString()));
        var resumed = await NodeRun.OfAsync(state.EnvironmentWith(sources), "resume", "bronze/events/system_metrics", "--config", state.Configuration, "-o", "json");
        Assert.True(resumed is { ExitCode: ExitCode.Done, Rows.Count: 0 }, resumed.Data + resumed.Messages);
    }

    /// <summary>One table of each kind: they differ in rows only.</summary>
    private static bool IsLookedAt(string table) => table.Contains("order_events", StringComparison.Ordinal) || table.Contains("users", StringComparison.Ordinal)
        || table.Contains("/_", StringComparison.Ordinal) || table == "gold/fact_sales";

    private static async Task UntilNoneIsHeldAsync(ReleaseState state, CancellationToken cancellationToken)
    {
        foreach (var table in WithReferences)
            while (await HeldAsync(state, table) > 0) await Task.Delay(200, cancellationToken);
    }

    /// <summary>Waits until an order whose lines were held has come as far as Gold.</summary>
    private static async Task UntilSoldAsync(ReleaseState state, long order, CancellationToken cancellationToken)
    {
        while (!(await RunAsync(state, "show", "gold/fact_sales", "--limit", "1000")).Any(row => (long)row!["order_id"]! == order)) await Task.Delay(200, cancellationToken);
    }

    /// <summary>Rows that wait for their parents.</summary>
    private static async Task<int> HeldAsync(ReleaseState state, string table) =>
        (await RunAsync(state, "show", TableId.Quarantine(table).ToString(), "--limit", "1000")).Count(row => (bool)row!["_held"]!);

    /// <summary>How often a run's end is in the quality log.</summary>
    private static async Task<int> RunsOverAsync(ReleaseState state, HalfWayRun run) =>
        (await RunAsync(state, "show", "silver/_quality", "--limit", "10000")).Count(row => (string)row!["table_name"]! == run.Table && (long)row["run"]! == run.Run);

    /// <summary>The runs that the coordinator's journal knows as requested and not as ended.</summary>
    private static List<HalfWayRun> Unended(ReleaseState state)
    {
        using var journal = new SqliteConnection($"{state.Environment["PIPELINE_JOURNAL"]};Pooling=false");
        journal.Open();
        using var command = journal.CreateCommand();
        command.CommandText = "SELECT manifest, message FROM journal WHERE deleted = 0 ORDER BY sequence_number";
        using var rows = command.ExecuteReader();
        var unended = new List<HalfWayRun>();
        while (rows.Read())
        {
            var happened = JsonNode.Parse((byte[])rows["message"])!;
            var table = (string)happened["table"]!;
            if (rows.GetString(0) == "job-requested-1") unended.Add(new HalfWayRun(table, (long)happened["pins"]!["run"]!));
            else unended.RemoveAll(run => run.Table == table);
        }

        return unended;
    }

    private static async Task<JsonArray> RunAsync(ReleaseState state, params string[] verb)
    {
        var run = await NodeRun.OfAsync(state.Environment, [.. verb, "--config", state.Configuration, "-o", "json"]);
        Assert.True(run.ExitCode == ExitCode.Done, run.Data + run.Messages);
        return run.Rows;
    }
}
