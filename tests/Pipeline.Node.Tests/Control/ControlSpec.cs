using System.Text;
using System.Text.Json.Nodes;
using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Emulation.Kafka;
using Pipeline.Ingest.Tests;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Control;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Control;

/// <summary>What operators want of a running pipeline, said on the command line or at a node's door.</summary>
public sealed class ControlSpec : IAsyncLifetime
{
    private const string Clicks = "bronze/events/clicks";
    private const string Views = "bronze/events/views";
    private const string Silver = "silver/clicks";

    private const string Contract = """
        silver { clicks { from = bronze/events/clicks, columns { id { type = long, required = true, from = value, path = "$.id" } }, key = [id] } }
        transform { interval-min = 100ms, poll-interval = 1s }
        """;

    private readonly ScratchDirectory _directory = new("pipeline-control-");
    private EmbeddedKafka _kafka = null!;
    private IProducer<Null, byte[]> _producer = null!;
    private int _produced;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Sources => $$"""
        events { type = kafka, bootstrap = "{{_kafka.Bootstrap}}", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json } } }
        """;

    private string MoreSources => Sources.Replace("tables {", "tables { views { topic = views, format = json }, ", StringComparison.Ordinal);

    public ValueTask InitializeAsync()
    {
        _kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1), ("views", 1));
        _producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = _kafka.Bootstrap }).Build();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        _producer.Dispose();
        await _kafka.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task What_is_paused_rests_over_a_restart_and_goes_on_when_it_is_resumed()
    {
        string lake;
        await using (var first = await RunningNode.StartAsync(Sub("first"), Sources, behind: Contract))
        {
            lake = first.LakeDirectory;
            await ProduceAsync(10);
            await first.WaitForRowsAsync(Silver, 10);
            Assert.Equal(ExitCode.Done, (await SayAsync(first, "pause", "events")).ExitCode);
            Assert.Equal(ExitCode.Done, (await SayAsync(first, "pause", Silver)).ExitCode);
            await first.WaitForTableAsync(Clicks, line => line.Report.State == WorkState.Paused);
            await first.WaitForTableAsync(Silver, line => line.Report.State == WorkState.Paused);
        }

        await ProduceAsync(5);
        await using var node = await RunningNode.StartAsync(Sub("second"), Sources, lake, Contract);
        await node.WaitForTableAsync(Clicks, line => line.Report.State == WorkState.Paused);
        await node.WaitForTableAsync(Silver, line => line.Report.State == WorkState.Paused);
        Assert.Equal(10, await RowsAsync(node, Clicks));

        var shown = (await RunAsync(node, "control", "show")).Rows;
        Assert.Equal(["events", Silver], shown.Select(row => (string)row!["target"]!));
        Assert.All(shown, row => Assert.Equal("a test", (string)row!["why"]!));
        Assert.Equal(ExitCode.Done, (await SayAsync(node, "resume", "events")).ExitCode);
        await node.WaitForRowsAsync(Clicks, 15);
        await node.WaitForTableAsync(Silver, line => line.Report.State == WorkState.Paused);
        Assert.Equal(10, await RowsAsync(node, Silver));
        // It rests, and runs when it is resumed: not for being told meanwhile.
        Assert.Equal(ExitCode.Done, (await SayAsync(node, "trigger", Silver)).ExitCode);
        Assert.Equal(ExitCode.Done, (await SayAsync(node, "resume", Silver)).ExitCode);
        await node.WaitForRowsAsync(Silver, 15);
        var done = await node.WaitForControlAsync(state => state.Orders is [{ DoneAt: not null }]);
        Assert.Contains(done.Orders[0].Outcome!.Value, (OrderOutcome[])[OrderOutcome.Done, OrderOutcome.Refused]);
    }

    [Fact]
    public async Task A_schedule_and_orders_are_done_once_by_the_node_that_runs()
    {
        await using var node = await RunningNode.StartAsync(Sub("node"), Sources, behind: Contract);
        await ProduceAsync(10);
        await node.WaitForRowsAsync(Silver, 10);
        Assert.Equal(ExitCode.Done, (await SayAsync(node, "schedule", Silver, "0 4 1 1 * Europe/Berlin")).ExitCode);
        await node.WaitForNodesAsync(1);
        await ProduceAsync(5);
        await node.WaitForRowsAsync(Clicks, 15);
        await node.WaitForTableAsync(Silver, line => line.Report.State == WorkState.Waiting);
        Assert.Equal(10, await RowsAsync(node, Silver));

        var planned = (await RunAsync(node, "trigger", Silver, "--plan")).Rows;
        var plan = (string)planned[0]!["id"]!;
        var applied = await RunAsync(node, "control", "apply", plan, "--reason", "a test");
        await node.WaitForRowsAsync(Silver, 15);
        await node.WaitForControlAsync(state => state.Orders is [{ Outcome: OrderOutcome.Done }]);
        var again = await RunAsync(node, "control", "apply", plan, "--reason", "a test");
        Assert.Equal((ExitCode.Done, ExitCode.Done), (applied.ExitCode, again.ExitCode));
        Assert.Equal("recorded_before", (string)again.Rows[0]!["state"]!);

        Assert.Equal(ExitCode.Done, (await SayAsync(node, "restart", Clicks)).ExitCode);
        await node.WaitForControlAsync(state => state.Orders is [_, { Outcome: OrderOutcome.Done }]);
        await ProduceAsync(1);
        await node.WaitForRowsAsync(Clicks, 16);
        Assert.Equal(16, await RowsAsync(node, Clicks));
        Assert.False(node.RestartAsked.IsCompleted);
        Assert.Equal(ExitCode.Done, (await SayAsync(node, "restart", node.Address)).ExitCode);
        await node.RestartAsked.WaitAsync(Deadlines.Test, Cancel);
        Assert.All((await node.Control.StateAsync(Cancel)).Orders, order => Assert.Equal(OrderOutcome.Done, order.Outcome));
    }

    [Fact]
    public async Task A_running_pipeline_is_one_screen_of_nodes_sources_tables_and_what_they_wait_for()
    {
        await using var node = await RunningNode.StartAsync(Sub("node"), Sources, behind: $"{Contract}\nhttp.socket-directory = \"{Path.Combine(_directory, "s")}\"");
        await ProduceAsync(10);
        await node.WaitForRowsAsync(Silver, 10);
        await node.WaitForTableAsync(Clicks, line => line.Nodes.Count == 1);
        Assert.Equal([node.Address], (await RunAsync(node, "cluster", "show")).Rows.Select(row => (string)row!["node"]!));
        Assert.Contains((await RunAsync(node, "shards", "show")).Rows, row => ((string)row!["table"]!, (string)row["node"]!, (string)row["state"]!) == (Clicks, node.Address, "reading"));
        Assert.Equal(ExitCode.Done, (await RunAsync(node, "jobs", "list")).ExitCode);
        Assert.Equal(ExitCode.Done, (await SayAsync(node, "pause", "events")).ExitCode);
        await node.WaitForTableAsync(Clicks, line => line.Report.State == WorkState.Paused);

        var status = await RunAsync(node, "status", "--running");
        var row = Assert.Single(status.Rows, row => (string)row!["table"]! == Clicks)!;
        Assert.Equal(("paused", "wish", "events", $"{Invocation.Operator}: a test", 7_200), ((string)row["state"]!, (string)row["wait"]!["cause"]!, (string)row["wait"]!["thing"]!, (string)row["wait"]!["why"]!, (int)row["sla_seconds"]!));
        Assert.Equal(("input", Clicks), ((string)status.Rows.Single(row => (string)row!["table"]! == Silver)!["wait"]!["cause"]!, (string)status.Rows.Single(row => (string)row!["table"]! == Silver)!["wait"]!["thing"]!));
        Assert.Equal(("events", "kafka", "paused"), ((string)status.Document["sources"]![0]!["source"]!, (string)status.Document["sources"]![0]!["kind"]!, (string)status.Document["sources"]![0]!["state"]!));
        Assert.Equal(node.Address, (string)status.Document["nodes"]![0]!["node"]!);
        var screen = await NodeRun.OfAsync("watch", "--times", "2", "--every", "1ms", "--config", node.ConfigPath);
        Assert.Equal(2, screen.Data.Split("What is waited for:").Length - 1);
        Assert.Contains($"rests, as an operator wants of events: {Invocation.Operator}: a test.", screen.Data, StringComparison.Ordinal);
        var looks = (await NodeRun.OfAsync("watch", "--times", "3", "--every", "1ms", "-o", "json", "--config", node.ConfigPath)).Data.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, looks.Length);
        Assert.All(looks, look => Assert.Equal(status.Document.Select(fact => fact.Key), JsonNode.Parse(look)!.AsObject().Select(fact => fact.Key)));
        Assert.All(looks, look => Assert.Single(JsonNode.Parse(look)!["rows"]!.AsArray(), row => (string)row!["table"]! == Clicks));
    }

    [Fact]
    public async Task With_the_lake_away_a_pause_acts_and_is_recorded_when_it_is_back()
    {
        AwayStore store = null!;
        await using var node = await RunningNode.StartAsync(Sub("node"), Sources, through: lake => new Lake(store = new AwayStore(lake.Store), TimeProvider.System));
        await ProduceAsync(10);
        await node.WaitForRowsAsync(Clicks, 10);
        await node.WaitForTableAsync(Clicks, line => line.Report.State == WorkState.Reading);
        store.IsAway = true;

        var planned = await node.Control.PlanAsync(new ControlCommand(ControlVerb.Pause, ControlTarget.Source("events")), Cancel);
        var applied = Assert.IsType<Applied.NotRecordedYet>(await node.Control.ApplyAsync(planned.Id, "anna", "the bucket burns", Cancel));
        Assert.False(planned.IsRecordable);
        await node.WaitForTableAsync(Clicks, line => line.Report.State == WorkState.Paused);
        Assert.Equal([applied.Id], (await node.Control.StatusAsync(Cancel))!.Unrecorded);
        Assert.False(Directory.Exists(Path.Combine(node.LakeDirectory, "gold", "_pipeline_control")));

        store.IsAway = false;
        var state = await node.WaitForControlAsync(state => state.Knows(applied.Id));
        Assert.Equal(("anna", "the bucket burns"), (state.Words[0].Who, state.Words[0].Why));
        await ProduceAsync(5);
        Assert.Equal(ExitCode.Done, (await SayAsync(node, "resume", "events")).ExitCode);
        await node.WaitForRowsAsync(Clicks, 15);
    }

    [Fact]
    public async Task What_is_paused_rests_when_the_node_that_had_it_so_is_gone()
    {
        const string roles = "cluster.roles = [ingest]";
        await using var first = await RunningNode.StartAsync(Sub("first"), Sources, behind: roles);
        await using var second = await RunningNode.StartAsync(Sub("second"), Sources, first.LakeDirectory, $"{roles}\ncluster.seed-nodes = [\"{first.Address}\"]");
        await first.WaitForMembersAsync(2);
        await ProduceAsync(10);
        await first.WaitForRowsAsync(Clicks, 10);
        Assert.Equal(ExitCode.Done, (await SayAsync(second, "pause", Clicks)).ExitCode);
        await second.WaitForTableAsync(Clicks, line => line.Report.State == WorkState.Paused);
        Assert.Equal(2, (await second.Control.StatusAsync(Cancel))!.Nodes.Count);
        var address = first.Address;

        Assert.Equal(ExitCode.Done, (await SayAsync(second, "cluster", "leave", address)).ExitCode);
        await first.LeaveAsked.WaitAsync(Deadlines.Test, Cancel);
        await first.DisposeAsync();

        await second.WaitForTableAsync(Clicks, line => line.Report.State == WorkState.Paused && line.Nodes.ContainsKey(second.Address) && line.Nodes.Count == 1);
        await ProduceAsync(5);
        Assert.Equal(10, await RowsAsync(second, Clicks));
        Assert.Equal(ExitCode.Done, (await SayAsync(second, "resume", Clicks)).ExitCode);
        await second.WaitForRowsAsync(Clicks, 15);
        // Nobody is left of that name.
        Assert.Equal(ExitCode.Done, (await SayAsync(second, "cluster", "down", address)).ExitCode);
        await second.WaitForControlAsync(state => state.Orders is [{ Outcome: OrderOutcome.Done }, { Outcome: OrderOutcome.Refused }]);
    }

    [Fact]
    public async Task What_a_drained_node_has_read_others_read_on_until_it_is_resumed()
    {
        const string roles = "cluster.roles = [ingest]";
        await using var first = await RunningNode.StartAsync(Sub("first"), MoreSources, behind: $"{roles}\nhttp.socket-directory = \"{Path.Combine(_directory, "s")}\"");
        await ProduceAsync(5);
        await first.WaitForRowsAsync(Clicks, 5);

        // The only one: what it reads has nowhere to go.
        var alone = await SayAsync(first, "drain", first.Address);
        Assert.True(alone.ExitCode == ExitCode.Done, alone.ToString());
        Assert.False((bool)alone.Document["taken_over"]!);
        Assert.Contains("No other node with the role ingest takes over what it read", alone.Messages, StringComparison.Ordinal);
        await first.WaitForTableAsync(Clicks, line => line.Report.State == WorkState.Paused);
        var told = await RunAsync(first, "why", Clicks);
        Assert.Contains(told.Rows, row => (string?)row!["kind"] == "wish" && ((string)row["next_step"]!).Contains("start another with the role ingest", StringComparison.Ordinal));
        await ProduceAsync(5);

        // Whoever comes has it at once.
        await using var second = await RunningNode.StartAsync(Sub("second"), MoreSources, first.LakeDirectory, $"{roles}\ncluster.seed-nodes = [\"{first.Address}\"]\nhttp.socket-directory = \"{Path.Combine(_directory, "s")}\"");
        await first.WaitForRowsAsync(Clicks, 10);
        await MovedAsync(first, to: second.Address);
        Assert.Equal(ExitCode.Done, (await RunAsync(first, "why", Clicks)).ExitCode);
        Assert.Empty((await RunAsync(first, "why", Clicks)).Rows);

        Assert.Equal(ExitCode.Done, (await SayAsync(first, "resume", first.Address)).ExitCode);
        await first.WaitForStatusAsync(status => status.Nodes.All(node => !node.IsHeld));
        await ProduceAsync(5, "views");
        var drained = await SayAsync(second, "drain", second.Address);
        Assert.True(drained.ExitCode == ExitCode.Done, drained.ToString());
        Assert.True((bool)drained.Document["taken_over"]!);
        await MovedAsync(second, to: first.Address);
        Assert.DoesNotContain((await RunAsync(second, "shards", "show")).Rows, row => (string)row!["node"]! == second.Address);
        Assert.Equal(2, (await second.Control.StatusAsync(Cancel))!.Nodes.Count);
        await ProduceAsync(5);
        await ProduceAsync(5, "views");
        await second.WaitForRowsAsync(Clicks, 15);
        await second.WaitForRowsAsync(Views, 10);

        Assert.Equal((15L, 10L), (await RowsAsync(second, Clicks), await RowsAsync(second, Views)));
        var verified = await RunAsync(second, "verify");
        Assert.True(verified.ExitCode == ExitCode.Done, verified.ToString());
    }

    /// <summary>Both tables are read there and nowhere else.</summary>
    private static async Task MovedAsync(RunningNode asked, string to)
    {
        foreach (var table in (string[])[Clicks, Views]) await asked.WaitForTableAsync(table, line => line.Report.State == WorkState.Reading && line.Nodes.Keys.SequenceEqual([to]));
    }

    [Fact]
    public async Task Nobody_works_on_a_table_that_another_node_does_not_know_until_all_have_the_configuration_of_the_newest()
    {
        const string roles = "cluster.roles = [ingest]";
        var first = await RunningNode.StartAsync(Sub("first"), Sources, behind: roles);
        var lake = first.LakeDirectory;
        await using var second = await RunningNode.StartAsync(Sub("second"), MoreSources, lake, $"{roles}\ncluster.seed-nodes = [\"{first.Address}\"]");
        var status = await second.WaitForStatusAsync(status => status.Unlike.Count > 0);
        Assert.Equal((TableId.Parse(Views), second.Address, UnlikeReason.NotEverywhere), status.Unlike.Select(table => (table.Table, table.Newest, table.Reason)).Single());
        await ProduceAsync(10, "views");
        await ProduceAsync(10);
        await second.WaitForRowsAsync(Clicks, 10);

        Assert.Null(await second.Lake.TryOpenAsync(TableId.Parse(Views), Cancel));
        await first.WaitForLogAsync("The nodes' configurations differ");
        await first.DisposeAsync();

        await using var third = await RunningNode.StartAsync(Sub("third"), MoreSources, lake, $"{roles}\ncluster.seed-nodes = [\"{second.Address}\"]");
        await third.WaitForRowsAsync(Views, 10);
    }

    [Fact]
    public async Task What_the_node_that_started_last_does_not_have_rests_as_long_as_it_is_there()
    {
        const string roles = "cluster.roles = [ingest]";
        await using var first = await RunningNode.StartAsync(Sub("first"), MoreSources, behind: roles);
        await ProduceAsync(5, "views");
        await first.WaitForRowsAsync(Views, 5);
        await using (var second = await RunningNode.StartAsync(Sub("second"), Sources, first.LakeDirectory, $"{roles}\ncluster.seed-nodes = [\"{first.Address}\"]"))
        {
            await first.WaitForTableAsync(Views, line => line.Report.State == WorkState.Paused);
            await ProduceAsync(5, "views");
            await ProduceAsync(10);
            await first.WaitForRowsAsync(Clicks, 10);
            Assert.Equal(5, await RowsAsync(first, Views));
            Assert.Equal(UnlikeReason.NotInNewest, Assert.Single((await first.Control.StatusAsync(Cancel))!.Unlike).Reason);
        }

        await first.WaitForRowsAsync(Views, 10);
    }

    private static Task<NodeRun> RunAsync(RunningNode node, params string[] args) => NodeRun.OfAsync([.. args, "--config", node.ConfigPath, "--lake", node.LakeDirectory, "-o", "json"]);

    private static Task<NodeRun> SayAsync(RunningNode node, params string[] args) => RunAsync(node, [.. args, "--reason", "a test"]);

    private static async Task<long?> RowsAsync(RunningNode node, string table) => (await node.Lake.TryOpenAsync(TableId.Parse(table), Cancel))?.Current.RowCount;

    private string Sub(string name) => Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;

    private async Task ProduceAsync(int records, string topic = "clicks")
    {
        for (var i = 0; i < records; i++) await _producer.ProduceAsync(topic, new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes($$"""{"id":{{_produced++}}}""") }, Cancel);
    }
}
