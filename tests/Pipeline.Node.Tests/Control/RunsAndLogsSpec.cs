using System.Text;
using System.Text.Json.Nodes;
using Confluent.Kafka;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Control;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Control;

/// <summary>What a running node says of its runs and of its log, by its socket.</summary>
public sealed class RunsAndLogsSpec : IDisposable
{
    private const string Clicks = "silver/clicks";
    private const string Broken = "gold/broken";

    private readonly ScratchDirectory _directory = new("pipeline-runs-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_run_says_what_it_read_and_computed_one_that_failed_why_and_the_log_tells_more_for_a_reason()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        await File.WriteAllTextAsync(Path.Combine(_directory, "broken.sql"), "SELECT CAST(note AS BIGINT) AS number FROM silver.clicks", Cancel);
        await using var node = await RunningNode.StartAsync(_directory, $$"""
            events { type = kafka, bootstrap = "{{kafka.Bootstrap}}", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json } } }
            """, behind: $$"""
            silver { clicks { from = bronze/events/clicks, columns { id { type = long, required = true, from = value, path = "$.id" }, note { type = string, from = value, path = "$.note" } }, key = [id] } }
            gold.broken { sql = "broken.sql", materialization = full }
            transform { interval-min = 100ms, poll-interval = 1s }
            http.socket-directory = "{{Path.Combine(_directory, "s")}}"
            """);
        using (var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build())
            await producer.ProduceAsync("clicks", new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes("""{"id":1,"note":"no number"}""") }, Cancel);
        await node.WaitForRowsAsync(Clicks, 1);
        await node.WaitForTableAsync(Broken, line => line.Report.FailedBefore is not null && line.Report.State is WorkState.Retrying or WorkState.Halted);

        await RunsAsync(node);
        await RowAsync(node);
        await LogsAsync(node);
    }

    private static async Task RunsAsync(RunningNode node)
    {
        var run = await RunAsync(node, "jobs", "show", $"{Clicks}#1");
        Assert.Equal((ExitCode.Done, "done", "duckdb", 1), (run.ExitCode, (string)run.Document["state"]!, (string)run.Document["engine"]!, (int)run.Document["attempts"]!));
        Assert.Equal([("reads", "bronze/events/clicks"), ("writes", Clicks)], run.Rows.Select(row => ((string)row!["as"]!, (string)row["table"]!)).Where(row => row.Item2 is Clicks or "bronze/events/clicks"));
        Assert.Contains("id", (string)run.Document["statements"]!["sql"]!["latest"]!, StringComparison.Ordinal);
        Assert.True(File.Exists((string)run.Document["statements"]!["place"]!));
        // A lake says the same of a run that is over, whoever is asked.
        var byLake = await NodeRun.OfAsync("jobs", "show", $"{Clicks}#1", "--lake", node.LakeDirectory, "--config", Path.Combine(node.LakeDirectory, "none.conf"), "-o", "json");
        Assert.Equal(run.Document.ToJsonString(), byLake.Document.ToJsonString());

        var listed = Assert.Single((await RunAsync(node, "jobs", "list")).Rows, row => (string)row!["table"]! == Broken)!;
        var name = (string)listed["run"]!;
        Assert.StartsWith($"{Broken}#", name, StringComparison.Ordinal);
        var failed = await RunAsync(node, "jobs", "show", name);
        Assert.Contains((string)failed.Document["state"]!, (string[])["running", "retrying", "halted"]);
        Assert.True((int)failed.Document["attempts"]! >= 1);
        Assert.NotNull(failed.Document["failing_since"]);
        if ((string)failed.Document["state"]! != "running") Assert.Contains("no number", (string)failed.Document["fault"]!["cause"]!, StringComparison.Ordinal);
        Assert.Contains($"Run {Clicks}#9", (await RunAsync(node, "jobs", "show", $"{Clicks}#9")).Messages, StringComparison.Ordinal);
        var people = await NodeRun.OfAsync("jobs", "show", $"{Clicks}#1", "--config", node.ConfigPath, "--lake", node.LakeDirectory);
        Assert.Contains("Its log is that of the node.", people.Data, StringComparison.Ordinal);
        Assert.Contains("-- latest", people.Data, StringComparison.Ordinal);
    }

    private static async Task RowAsync(RunningNode node)
    {
        var byLake = await RunAsync(node, "explain-row", Clicks, "1");
        var byNode = await RunAsync(node, "ask", $"/v1/tables/silver%2Fclicks/row?key={Uri.EscapeDataString("""["1"]""")}");
        Assert.Equal(byLake.Rows.Select(row => ((string)row!["step"]!, (string)row["table"]!)), byNode.Document["answer"]!["items"]!.AsArray().Select(item => ((string)item!["step"]!, (string)item["table"]!)));
        Assert.Equal(["bronze", "silver"], byLake.Rows.Select(row => (string)row!["step"]!));
        foreach (var key in (string[])["", "?key=1", "?key=[]", "?key=[null]", "?key={}"])
            Assert.Equal(ExitCode.Failed, (await RunAsync(node, "ask", $"/v1/tables/silver%2Fclicks/row{key}")).ExitCode);

        // What is drained has nothing open when it is said, and goes on when it is told to.
        var drained = await RunAsync(node, "drain", "events", "--reason", "a test");
        Assert.True(drained.ExitCode == ExitCode.Done, drained.Data + drained.Messages);
        Assert.Empty(drained.Document["open"]!.AsArray());
        var now = (await node.Control.StatusAsync(Cancel))!;
        Assert.Equal(WorkState.Paused, now.Tables.Single(line => line.Table.ToString() == "bronze/events/clicks").Report.State);
        Assert.Equal(ExitCode.Done, (await RunAsync(node, "resume", "events", "--reason", "a test")).ExitCode);
        // Who does not wait long is told what is still open.
        var early = await RunAsync(node, "drain", "127.0.0.1:1", "--wait", "1ms", "--reason", "a test");
        Assert.Equal(ExitCode.Failed, early.ExitCode);
    }

    private static async Task LogsAsync(RunningNode node)
    {
        Assert.Equal([(node.Address, null, "warning", "warning")], (await RunAsync(node, "log-level")).Rows.Select(row => ((string)row!["node"]!, (string?)row["logger"], (string)row["level"]!, (string)row["configured"]!)));
        Assert.Equal(ExitCode.Usage, (await RunAsync(node, "log-level", "debug")).ExitCode);
        Assert.Contains("is no logger", (await RunAsync(node, "log-level", "Microsoft", "debug", "--reason", "a test")).Messages, StringComparison.Ordinal);

        var ordered = await RunAsync(node, "log-level", "Pipeline.Node", "debug", "--for", "1h", "--reason", "a test");
        Assert.True(ordered.ExitCode == ExitCode.Done, ordered.Messages);
        Assert.Equal((node.Address, "Pipeline.Node", "debug", 3_600, "warning", "recorded"), OfRow(ordered.Rows[0]!));
        await node.WaitForLogAsync("An operator wants the log to tell other things: warning; debug of Pipeline.Node until ");
        var told = (await RunAsync(node, "log-level")).Rows[1]!;
        Assert.Equal(("Pipeline.Node", "debug", "warning"), ((string)told["logger"]!, (string)told["level"]!, (string)told["configured"]!));
        Assert.NotNull(told["until"]);
        var order = Assert.Single((await node.Control.StateAsync(Cancel)).Orders, given => given.Kind == OrderKind.LogLevel);
        Assert.Equal((OrderKind.LogLevel, "debug Pipeline.Node 3600000ms", "a test", OrderOutcome.Done), (order.Kind, order.Value, order.Why, order.Outcome));

        Assert.Equal("debug", (string)(await RunAsync(node, "log-level", "Pipeline.Node", "configured", "--reason", "a test")).Rows[0]!["was"]!);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        deadline.CancelAfter(Deadlines.Test);
        while ((await RunAsync(node, "log-level")).Rows.Count != 1) await Task.Delay(TimeSpan.FromMilliseconds(100), deadline.Token);
        // Where no warning is told any more, that is.
        Assert.Equal(ExitCode.Done, (await RunAsync(node, "log-level", "error", "--reason", "a test")).ExitCode);
        await node.WaitForLogAsync("An operator wants the log to tell other things: error, instead of warning");
    }

    private static (string, string, string, int, string, string) OfRow(JsonNode row) => ((string)row["node"]!, (string)row["logger"]!, (string)row["level"]!, (int)row["for_seconds"]!, (string)row["was"]!, (string)row["state"]!);

    private static Task<NodeRun> RunAsync(RunningNode node, params string[] args) => NodeRun.OfAsync([.. args, "--config", node.ConfigPath, "--lake", node.LakeDirectory, "-o", "json"]);
}
