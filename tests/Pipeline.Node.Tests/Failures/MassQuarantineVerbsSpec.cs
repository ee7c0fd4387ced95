using Confluent.Kafka;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

/// <summary>A contract that sets most of a topic's records aside.</summary>
public sealed class MassQuarantineVerbsSpec : IDisposable
{
    private const string Silver = "silver/people";

    private readonly ScratchDirectory _directory = new("pipeline-mass-");

    private string Lake => Path.Combine(_directory, "lake");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Plan_and_verify_end_with_3_and_say_table_rule_and_share_until_it_is_mended()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, hasTopicIds: true, ("people", 1));
        using (var producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build())
        {
            for (var id = 0; id < 200; id++) producer.Produce(new TopicPartition("people", 0), new Message<Null, string> { Value = $$"""{"id":{{id}},"email":"{{(id < 120 ? $"planted-{id}" : "7")}}"}""" });
            producer.Flush(Cancel);
        }

        var sources = $$"""app { type = kafka, bootstrap = "{{kafka.Bootstrap}}", tables { people { topic = people } } }""";
        await using (var reading = await RunningNode.StartAsync(Sub("bronze"), sources, Lake)) await reading.WaitForRowsAsync("bronze/app/people", 200);

        await using (var node = await StartAsync("wrong", sources, "email { type = long }", rows: 80))
        {
            const string figures = """{"rows":200,"quarantined":120,"percent_max":20,"rule":"type:email"}""";
            var plan = await NodeRun.OfAsync("plan", "--config", node.ConfigPath, "--lake", node.LakeDirectory, "-o", "json");
            var verify = await NodeRun.OfAsync("verify", "--lake", node.LakeDirectory, "-o", "json");

            Assert.True(plan.ExitCode == ExitCode.Breached, plan.Messages);
            Assert.Equal([figures], plan.Rows.Where(row => (string?)row!["table"] == Silver && (string?)row["change"] == "too_many_quarantined").Select(row => row!["details"]!.ToJsonString()));
            Assert.True(verify.ExitCode == ExitCode.Breached, verify.Messages);
            Assert.Equal([figures], verify.Rows.Where(row => (string?)row!["table"] == Silver && (string?)row["found"] == "too_many_are_quarantined").Select(row => row!["figures"]!.ToJsonString()));
            Assert.DoesNotContain("planted", plan.Data + plan.Messages + verify.Data + verify.Messages, StringComparison.Ordinal);
        }

        await using (var node = await StartAsync("mended", sources, "email { type = string }", rows: 200))
        {
            var plan = await NodeRun.OfAsync("plan", "--config", node.ConfigPath, "--lake", node.LakeDirectory, "-o", "json");
            var verify = await NodeRun.OfAsync("verify", "--lake", node.LakeDirectory, "-o", "json");

            Assert.True(plan.ExitCode == ExitCode.Done, plan.Data + plan.Messages);
            Assert.DoesNotContain("not_configured", plan.Data, StringComparison.Ordinal);
            Assert.True(verify.ExitCode == ExitCode.Done, verify.Data + verify.Messages);
        }
    }

    [Fact]
    public async Task A_table_that_has_left_the_configuration_stands_in_the_plan_with_what_becomes_of_its_rows()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, hasTopicIds: true, ("people", 1));
        using (var producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build())
        {
            producer.Produce(new TopicPartition("people", 0), new Message<Null, string> { Value = """{"id":1,"email":"x"}""" });
            producer.Flush(Cancel);
        }

        var sources = $$"""app { type = kafka, bootstrap = "{{kafka.Bootstrap}}", tables { people { topic = people } } }""";
        await using (await StartAsync("with", sources, "email { type = string }", rows: 1))
        {
        }

        await using var without = await RunningNode.StartAsync(Sub("without"), sources, Lake, "silver { }");
        var plan = await NodeRun.OfAsync("plan", "--config", without.ConfigPath, "--lake", without.LakeDirectory, "-o", "json");

        Assert.True(plan.ExitCode == ExitCode.Done, plan.Data + plan.Messages);
        var row = Assert.Single(plan.Rows);
        Assert.Equal((Silver, "not_configured", 1), ((string)row!["table"]!, (string)row["change"]!, (long)row["details"]!["rows"]!));
    }

    private async Task<RunningNode> StartAsync(string name, string sources, string column, int rows)
    {
        var node = await RunningNode.StartAsync(Sub(name), sources, Lake, $$"""
            silver {
              people { from = bronze/app/people, format = json, key = [id]
                columns { id { type = long }
                  {{column}} } }
            }
            """);
        await node.WaitForRowsAsync(Silver, rows);
        return node;
    }

    private string Sub(string name) => Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
}
