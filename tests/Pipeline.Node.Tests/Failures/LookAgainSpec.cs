using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Coordination;

namespace Pipeline.Node.Tests.Failures;

/// <summary>The word that somebody has mended something, told to a node that only ingests.</summary>
public sealed class LookAgainSpec : IDisposable
{
    private const string Clicks = "bronze/events/clicks";

    private readonly ScratchDirectory _directory = new("pipeline-word-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_word_to_any_node_reaches_the_tables_that_another_coordinates()
    {
        await using var coordinating = await StartAsync("a", "roles = [transform]");
        await coordinating.Lake.Store.PutAsync($"{Clicks}/_delta_log/{0:D20}.json", "{"u8.ToArray(), TestContext.Current.CancellationToken);
        var stopped = await coordinating.WaitForTransformAsync(TableId.Silver("clicks"), table => table is { Activity: TableActivity.Stopped, FailedAttempts: > 0 });
        await using var ingesting = await StartAsync("b", $"roles = [ingest]\nseed-nodes = [\"{coordinating.Address}\"]");
        await ingesting.WaitForMembersAsync(2);

        ingesting.LookAgain();

        // By itself it would count on.
        await coordinating.WaitForTransformAsync(TableId.Silver("clicks"), table => table.LastRunAt > stopped.LastRunAt && table is { Activity: TableActivity.Stopped, FailedAttempts: 1 });
    }

    private Task<RunningNode> StartAsync(string at, string cluster) => RunningNode.StartAsync(Directory.CreateDirectory(Path.Combine(_directory, at)).FullName,
        """events { type = kafka, bootstrap = "127.0.0.1:1", tables { clicks { topic = clicks } } }""", Path.Combine(_directory, "lake"), $$"""
        cluster { {{cluster}} }
        silver { clicks { from = {{Clicks}}, columns { id { type = long, required = true } }, key = [id] } }
        """);
}
