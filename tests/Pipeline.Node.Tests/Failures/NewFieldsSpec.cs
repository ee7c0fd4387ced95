using System.Text.Json.Nodes;
using Confluent.Kafka;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

/// <summary>Records of a topic that have more than a contract takes.</summary>
public sealed class NewFieldsSpec : IDisposable
{
    private const string Silver = "silver/clicks";

    private readonly ScratchDirectory _directory = new("pipeline-fields-");

    private string Lake => Path.Combine(_directory, "lake");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task What_no_column_reads_stands_in_the_plan_with_the_line_that_takes_it_and_without_a_value()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, hasTopicIds: true, ("clicks", 1));
        using (var producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build())
        {
            for (var id = 0; id < 1000; id++) producer.Produce(new TopicPartition("clicks", 0), new Message<Null, string> { Value = $$"""{"id":{{id}},"cityName":"planted-{{id}}","device":{"os":"linux","ram":8} }""" });
            producer.Flush(Cancel);
        }

        var sources = $$"""events { type = kafka, bootstrap = "{{kafka.Bootstrap}}", tables { clicks { topic = clicks } } }""";
        await using (var reading = await RunningNode.StartAsync(Sub("bronze"), sources, Lake)) await reading.WaitForRowsAsync("bronze/events/clicks", 1000);

        var told = await PlanAsync("told", sources, "");
        var line = (string)told[0]!["details"]!["line"]!;
        var taken = await PlanAsync("taken", sources, line);

        Assert.Equal(
        [
            $"{Silver} | new_field | city_name {{ type = string, path = \"$.cityName\" }} | $.cityName: string in 1000",
            $"{Silver} | new_field | ram {{ type = long, path = \"$.device.ram\" }} | $.device.ram: long in 1000",
        ], told.Select(row => $"{row!["table"]} | {row["change"]} | {row["details"]!["line"]} | {row["details"]!["path"]}: {row["details"]!["type"]} in {row["details"]!["records"]}"));
        Assert.DoesNotContain("planted", told.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal("$.device.ram", (string)Assert.Single(taken)!["details"]!["path"]!);
    }

    /// <summary>The plan when a node has made the table with a line more in its columns.</summary>
    private async Task<JsonArray> PlanAsync(string name, string sources, string line)
    {
        await using var node = await RunningNode.StartAsync(Sub(name), sources, Lake, $$"""
            silver {
              clicks { from = bronze/events/clicks, format = json, key = [id]
                columns { id { type = long }, os { type = string, path = "$.device.os" }
                  {{line}} } }
            }
            """);
        await node.WaitForRowsAsync(Silver, 1000);
        JsonArray plan;
        NodeRun run;
        do
        {
            // A changed contract is followed behind the start: until then the plan says so.
            run = await NodeRun.OfAsync("plan", "--config", node.ConfigPath, "--lake", node.LakeDirectory, "-o", "json");
            plan = run.Rows;
        }
        while (run.ExitCode == ExitCode.PlanHasChanges);

        Assert.True(run.ExitCode == ExitCode.Done, run.Messages);
        return plan;
    }

    private string Sub(string name) => Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
}
