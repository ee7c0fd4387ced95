using System.Text;
using Confluent.Kafka;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

public sealed class ActorTreeSpec : IDisposable
{
    private const string Fence = "```actors\n";

    private readonly ScratchDirectory _directory = new("pipeline-actors-");

    [Fact]
    public async Task The_tree_of_actors_is_as_the_architecture_draws_it()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        await using var node = await RunningNode.StartAsync(_directory, $$"""
            events { type = kafka, bootstrap = "{{kafka.Bootstrap}}", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json } } }
            """, behind: """
            silver { clicks { from = bronze/events/clicks, columns { id { type = long, required = true, from = value, path = "$.id" } }, key = [id] } }
            """);
        var tree = new ActorTree();
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build();
        using var pulse = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);

        // A runner lives as long as its job: records keep coming until one has been seen.
        for (var looks = 0; !tree.Has("JobRunnerActor") || !tree.Has("BronzeMaintenanceActor") || !tree.Has("ActorGraphInterpreter"); looks++)
        {
            if (looks % 100 == 0) await producer.ProduceAsync("clicks", new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes($$"""{"id":{{looks}}}""") }, deadline.Token);
            await pulse.WaitForNextTickAsync(TestContext.Current.CancellationToken);
            if (deadline.IsCancellationRequested)
                Assert.Fail($"Not all has been seen that lives for a short time only. The tree so far:\n{tree.Draw()}\nThe node says:\n{string.Join('\n', node.Log.TakeLast(40))}");
            tree.Look(node.System);
        }

        var document = Path.Combine(Repository.Root, "docs", "architecture.md");
        var before = await File.ReadAllTextAsync(document, deadline.Token);
        var start = before.IndexOf(Fence, StringComparison.Ordinal) + Fence.Length;
        var end = before.IndexOf("```", start, StringComparison.Ordinal);
        if (Golden.IsUpdate) await File.WriteAllTextAsync(document, $"{before[..start]}{tree.Draw()}\n{before[end..]}", deadline.Token);
        else Assert.True(before[start..end] == tree.Draw() + "\n", $"The tree is now (GOLDEN=update draws it):\n{tree.Draw()}");
    }

    public void Dispose() => _directory.Dispose();
}
