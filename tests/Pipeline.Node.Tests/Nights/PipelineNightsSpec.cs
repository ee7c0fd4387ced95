using System.Text;
using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Options;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Nights;

/// <summary>Faults of what a pipeline reads, writes and runs, each made on a running one: <c>why</c> names cause and remedy, and doing literally what it says heals the table.</summary>
public sealed class PipelineNightsSpec : IAsyncLifetime
{
    private const string Clicks = "bronze/events/clicks";
    private const string Quick = "transform { interval-min = 100ms, poll-interval = 1s }";

    private readonly ScratchDirectory _directory = new("pipeline-nights-");
    private EmbeddedKafka _kafka = null!;
    private IProducer<Null, byte[]> _producer = null!;

    private string ConfigPath => Path.Combine(_directory, "pipeline.conf");

    private string LakePath => Path.Combine(_directory, "lake");

    private OnCall Called => new(ConfigPath, LakePath);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
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
    public async Task A_disk_that_is_full_is_named_with_the_place_that_needs_space()
    {
        OnCall.OnlyByNight("A few of the ten are made by day");
        using var disk = SmallDisk.TryMount(megabytes: 16);
        Assert.SkipWhen(disk is null, "This user may not mount a file system.");
        await using var node = await RunningNode.StartAsync(_directory, Source(), Path.Combine(disk.Path, "lake"), Quick);
        var called = new OnCall(node.ConfigPath, node.LakeDirectory);
        await ProduceAsync("""{"id":1}""");
        await node.WaitForRowsAsync(Clicks, 1);
        disk.Fill();
        await ProduceAsync("""{"id":2}""");

        var told = await called.UntilToldAsync(Clicks, "away");
        Assert.Contains("no space is left on the disk", (string)told["cause"]!, StringComparison.Ordinal);
        Assert.Contains("Free space", (string)told["next_step"]!, StringComparison.OrdinalIgnoreCase);
        disk.Free();

        await node.WaitForRowsAsync(Clicks, 2);
        await called.UntilWellAsync(Clicks);
    }

    [Fact]
    public async Task A_store_that_is_slow_is_named_with_what_it_does_not_answer()
    {
        OnCall.OnlyByNight("A wait is told when it has lasted for a minute");
        SlowStore store = null!;
        await using var node = await RunningNode.StartAsync(_directory, Source(), behind: Quick, through: lake => new Lake(store = new SlowStore(lake.Store), TimeProvider.System));
        var called = new OnCall(node.ConfigPath, node.LakeDirectory);
        await ProduceAsync("""{"id":1}""");
        await node.WaitForRowsAsync(Clicks, 1);
        store.Stall();
        await ProduceAsync("""{"id":2}""");

        var told = await called.UntilToldAsync(Clicks, "waits");
        Assert.Equal($"The store {store.Location}", (string)told["thing"]!);
        Assert.Contains("is not answered", (string)told["cause"]!, StringComparison.Ordinal);
        Assert.Equal("Look whether it is well and can be reached from this node.", (string)told["next_step"]!);
        store.GoOn();

        await node.WaitForRowsAsync(Clicks, 2);
        await called.UntilWellAsync(Clicks);
    }

    [Fact]
    public async Task A_topic_with_records_that_cannot_be_read_is_named_with_the_setting_and_the_command_that_reads_them_again()
    {
        await using var node = await RunningNode.StartAsync(_directory, Source("record-bytes-max = 100"), behind: Quick);
        var called = new OnCall(node.ConfigPath, node.LakeDirectory);
        await ProduceAsync("""{"id":1}""");
        await ProduceAsync($$"""{"id":2,"note":"{{new string('x', 200)}}"}""");

        var told = await called.UntilToldAsync(Clicks, "letters");
        Assert.Contains("record-bytes-max is 100", (string)told["cause"]!, StringComparison.Ordinal);
        Assert.Contains($"./pipeline dlq show {Clicks}", (string)told["next_step"]!, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Done, (await called.RunAsync("dlq", "show", Clicks)).ExitCode);
        await ChangeAsync(node.ConfigPath, "record-bytes-max = 100", "record-bytes-max = 1000");
        await called.HelpAsync(told);

        await node.WaitForRowsAsync(Clicks, 2);
        await called.UntilWellAsync(Clicks);
    }

    [Fact]
    public async Task A_contract_that_does_not_fit_is_named_with_the_rule_and_what_makes_it_fit()
    {
        OnCall.OnlyByNight("A few of the ten are made by day");
        const string contract = """silver { clicks { from = bronze/events/clicks, columns { id { type = long, required = true, from = value, path = "$.id" } }, key = [id], rules = [ { name = small, check = "id < 10", severity = fail } ] } }""";
        await using var node = await StartAsync($"{contract}\n{Quick}");
        await ProduceAsync("""{"id":1}""");
        await WaitForRowsAsync(node, "silver/clicks", 1);
        await ProduceAsync("""{"id":11}""");

        var told = await Called.UntilToldAsync("silver/clicks", "mend");
        Assert.Contains("small", (string)told["cause"]!, StringComparison.Ordinal);
        Assert.Contains("rule", (string)told["next_step"]!, StringComparison.Ordinal);
        await ChangeAsync(ConfigPath, "id < 10", "id < 100");
        await Called.TypeNextStepAsync(told);

        await WaitForRowsAsync(node, "silver/clicks", 2);
        await Called.UntilWellAsync("silver/clicks");
    }

    [Fact]
    public async Task A_job_that_hangs_is_named_with_its_bound_and_the_query_that_has_no_end()
    {
        OnCall.OnlyByNight("A few of the ten are made by day");
        const string gold = """
            silver { clicks { from = bronze/events/clicks, columns { id { type = long, required = true, from = value, path = "$.id" } }, key = [id] } }
            gold.many { sql = "many.sql", materialization = full, key = [id] }
            transform { interval-min = 100ms, poll-interval = 1s, job-time-max = 3s }
            """;
        var sql = Path.Combine(_directory, "many.sql");
        await File.WriteAllTextAsync(sql, "SELECT a.id, CAST(sum(sqrt(c.range + d.range)) AS DOUBLE) AS n FROM silver.clicks AS a CROSS JOIN range(10000000) AS c CROSS JOIN range(10000000) AS d GROUP BY a.id", Cancel);
        await using var node = await StartAsync(gold);
        await ProduceAsync("""{"id":1}""");

        var told = await Called.UntilToldAsync("gold/many", "mend");
        Assert.Contains("has taken more than 3 s", (string)told["cause"]!, StringComparison.Ordinal);
        Assert.Contains("if it has no end, correct the SQL", (string)told["next_step"]!, StringComparison.Ordinal);
        await File.WriteAllTextAsync(sql, "SELECT id, CAST(1 AS DOUBLE) AS n FROM silver.clicks", Cancel);
        await Called.TypeNextStepAsync(told);

        await WaitForRowsAsync(node, "gold/many", 1);
        await Called.UntilWellAsync("gold/many");
    }

    [Fact]
    public async Task A_node_that_has_died_is_named_with_the_command_that_starts_one()
    {
        await using (var node = await StartAsync(Quick))
        {
            await ProduceAsync("""{"id":1}""");
            await WaitForRowsAsync(node, Clicks, 1);
            await node.KillAsync();
        }

        await ProduceAsync("""{"id":2}""");
        var late = new OnCall(ConfigPath, LakePath) { Time = new LaterTime(TimeSpan.FromMinutes(6)) };
        var told = await late.UntilToldAsync(Clicks, "no-node");
        Assert.Contains("start one", (string)told["next_step"]!, StringComparison.Ordinal);
        await using var started = NodeProcess.Start([.. OnCall.HelpOf(told), "--config", ConfigPath]);

        await WaitForRowsAsync(started, Clicks, 2);
        await Called.UntilWellAsync(Clicks);
    }

    /// <summary>A node that is a process, as the launcher starts it: it can be killed, and starts again by itself when it is told to.</summary>
    private async Task<NodeProcess> StartAsync(string behind)
    {
        await RunningNode.ConfigureAsync(_directory, Source(), behind);
        return NodeProcess.Start("run", "--config", ConfigPath);
    }

    private Task WaitForRowsAsync(NodeProcess node, string table, long rows) =>
        RunningNode.WaitForRowsAsync(Lakes.Open(new LakeOptions { Location = LakePath }, TimeProvider.System), TableId.Parse(table), rows, () => node.Messages);

    private static async Task ChangeAsync(string file, string from, string to)
    {
        var text = await File.ReadAllTextAsync(file, Cancel);
        Assert.Contains(from, text, StringComparison.Ordinal);
        await File.WriteAllTextAsync(file, text.Replace(from, to, StringComparison.Ordinal), Cancel);
    }

    private string Source(string settings = "") => $$"""
        events { type = kafka, bootstrap = "{{_kafka.Bootstrap}}", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json {{(settings.Length > 0 ? $", {settings}" : "")}} } } }
        """;

    private Task ProduceAsync(string value) => _producer.ProduceAsync("clicks", new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes(value) }, Cancel);

    /// <summary>Somebody's clock who looks later.</summary>
    private sealed class LaterTime(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + by;
    }
}
