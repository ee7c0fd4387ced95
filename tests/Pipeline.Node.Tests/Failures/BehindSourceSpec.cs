using System.Text.RegularExpressions;
using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Emulation.Kafka;
using Pipeline.Ingest;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Operations.Inspection;
using Pipeline.Testing;
using Pipeline.Testing.Kafka;

namespace Pipeline.Node.Tests.Failures;

/// <summary>
/// A topic that no longer has what was read of it: its table halts, and whoever does what the halt says has what is there now in
/// Silver, and what was read before beside it, marked by its epoch.
/// </summary>
public sealed partial class BehindSourceSpec : IDisposable
{
    private const string Bronze = "bronze/events/clicks";
    private const string Silver = "silver/clicks";

    private const string Behind = """
        silver {
          clicks { from = bronze/events/clicks, format = json, columns { id { type = long, required = true, path = "$.id" }, note { type = string, path = "$.note" } }, key = [id], order-by = [_position] }
        }
        """;

    private static readonly DateTime LongAgo = new(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly ScratchDirectory _directory = new("pipeline-behind-");

    private string Lake => Path.Combine(_directory, "lake");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_log_that_was_cut_and_has_grown_past_the_position_since_is_read_again_from_where_it_differs()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, hasTopicIds: true, ("clicks", 1));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        proxy.SetTopicId("clicks", Guid.NewGuid());
        proxy.BeginEpoch("clicks", 0, epoch: 2, from: 0);
        await ProduceAsync(kafka, "1a 2a 3a 4a 5a 6a");
        await RunUntilAsync("first", proxy, bronzeRows: 6, silverRows: 6);

        // Its new leader had three of the records.
        kafka.DeleteTopic("clicks");
        kafka.CreateTopic("clicks", 1);
        await ProduceAsync(kafka, "1a 2a 3a 4b 7b 8b 9b");
        proxy.BeginEpoch("clicks", 0, epoch: 3, from: 3);
        await FollowTheHaltAsync(proxy, new PositionRange(3, 6));
        await using var node = await RunUntilAsync("third", proxy, bronzeRows: 10, silverRows: 9, isToStop: false);

        await AssertAsync(node, Bronze, "1a0 2a0 3a0 4a0 4b1 5a0 6a0 7b1 8b1 9b1");
        await AssertAsync(node, Silver, "1a0 2a0 3a0 4b1 5a0 6a0 7b1 8b1 9b1");
        await AssertVerifiedAsync(node);
    }

    /// <summary>It is shorter than what was read, and has got records since, so that its end says nothing of from where on it differs.</summary>
    [Fact]
    public async Task A_backup_of_the_brokers_that_was_put_back_is_read_again_from_where_it_differs()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, hasTopicIds: true, ("clicks", 1));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        proxy.SetTopicId("clicks", Guid.NewGuid());
        proxy.BeginEpoch("clicks", 0, epoch: 2, from: 0);
        await ProduceAsync(kafka, "1a 2a 3a 4a 5a 6a");
        await RunUntilAsync("first", proxy, bronzeRows: 6, silverRows: 6);

        kafka.DeleteTopic("clicks");
        kafka.CreateTopic("clicks", 1);
        await ProduceAsync(kafka, "1a 2a 3a 4b 7b");
        proxy.BeginEpoch("clicks", 0, epoch: 3, from: 3);
        await FollowTheHaltAsync(proxy, new PositionRange(3, 6));
        await using var node = await RunUntilAsync("third", proxy, bronzeRows: 8, silverRows: 7, isToStop: false);

        await AssertAsync(node, Bronze, "1a0 2a0 3a0 4a0 4b1 5a0 6a0 7b1");
        await AssertAsync(node, Silver, "1a0 2a0 3a0 4b1 5a0 6a0 7b1");
    }

    [Fact]
    public async Task A_topic_made_anew_that_brokers_give_no_id_is_read_from_its_beginning()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        await using var proxy = KafkaProxy.Start(kafka.Bootstrap);
        await ProduceAsync(kafka, "1a 2a 3a 4a 5a 6a");
        await RunUntilAsync("first", proxy, bronzeRows: 6, silverRows: 6);

        kafka.DeleteTopic("clicks");
        kafka.CreateTopic("clicks", 1);
        await ProduceAsync(kafka, "4b 7b");
        await FollowTheHaltAsync(proxy, new PositionRange(0, 6));
        await using var node = await RunUntilAsync("third", proxy, bronzeRows: 8, silverRows: 7, isToStop: false);

        await AssertAsync(node, Bronze, "1a0 2a0 3a0 4a0 4b1 5a0 6a0 7b1");
        await AssertAsync(node, Silver, "1a0 2a0 3a0 4b1 5a0 6a0 7b1");
        await AssertVerifiedAsync(node);
    }

    /// <summary>A node that starts halts; the verb that its advice names decides, and there is nothing to decide any more.</summary>
    private async Task FollowTheHaltAsync(KafkaProxy proxy, PositionRange gap)
    {
        string advice, config;
        await using (var node = await RunningNode.StartAsync(Sub("second"), Sources(proxy), Lake, Behind))
        {
            config = node.ConfigPath;
            advice = (await node.WaitForStateAsync(Bronze, IngestState.Halted)).LastFault!.NextStep;
        }

        string[] named = Verb().Match(advice).Groups[1].Value.Split(' ');
        Assert.Contains($"from offset {gap.From} on is read again in a new epoch", advice, StringComparison.Ordinal);
        string[] lake = ["--config", config, "--lake", Lake, "-o", "json"];
        var shown = await NodeRun.OfAsync([.. named.Where(word => word != "--accept-gap"), .. lake]);
        var accepted = await NodeRun.OfAsync([.. named, .. lake]);
        var nothingLeft = await NodeRun.OfAsync([.. named, .. lake]);

        Assert.Equal((ExitCode.Failed, ExitCode.Done, ExitCode.Done), (shown.ExitCode, accepted.ExitCode, nothingLeft.ExitCode));
        Assert.Matches($"\"from\": ?{gap.From},\\s*\"to\": ?{gap.To},", shown.Data);
        Assert.Empty(nothingLeft.Rows);
    }

    private async Task<RunningNode> RunUntilAsync(string name, KafkaProxy proxy, long bronzeRows, long silverRows, bool isToStop = true)
    {
        var node = await RunningNode.StartAsync(Sub(name), Sources(proxy), Lake, Behind);
        await node.WaitForRowsAsync(Bronze, bronzeRows);
        await node.WaitForRowsAsync(Silver, silverRows);
        if (isToStop) await node.DisposeAsync();
        return node;
    }

    private static async Task AssertAsync(RunningNode node, string table, string rows)
    {
        var opened = (await node.Lake.TryOpenAsync(TableId.Parse(table), Cancel))!;
        using var query = new LakeQuery(Cancel);
        var text = table == Bronze ? "(value::JSON ->> 'id') || (value::JSON ->> 'note')" : "id || note";
        Assert.Equal(rows, (await query.RowsAsync(opened, opened.Current, $"string_agg({text} || coalesce(_epoch, 0), ' ' ORDER BY {text})"))[0][0]);
    }

    private static async Task AssertVerifiedAsync(RunningNode node)
    {
        await node.DisposeAsync();
        var verified = await NodeRun.OfAsync("verify", "--config", node.ConfigPath, "--lake", node.LakeDirectory);
        Assert.True(verified.ExitCode == ExitCode.Done, verified.ToString());
        Assert.Contains("; 5 of them, known from earlier histories of the source only, stay", verified.Data, StringComparison.Ordinal);
    }

    /// <summary>The later record of a key has the earlier time: the epoch alone makes it the newer one.</summary>
    private static async Task ProduceAsync(EmbeddedKafka kafka, string records)
    {
        using var producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = kafka.Bootstrap, LingerMs = 0 }).Build();
        foreach (var record in records.Split(' '))
        {
            var message = new Message<Null, string> { Value = $$"""{"id":{{record[..^1]}},"note":"{{record[^1]}}"}""" };
            if (record[^1] == 'b') message.Timestamp = new Timestamp(LongAgo);
            await producer.ProduceAsync(new TopicPartition("clicks", 0), message, Cancel);
        }
    }

    private static string Sources(KafkaProxy proxy) => $$"""events { type = kafka, bootstrap = "{{proxy.Bootstrap}}", tables { clicks { topic = clicks } } }""";

    private string Sub(string name) => Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;

    [GeneratedRegex(@"\./pipeline (resume [^:]+ --accept-gap)")]
    private static partial Regex Verb();
}
