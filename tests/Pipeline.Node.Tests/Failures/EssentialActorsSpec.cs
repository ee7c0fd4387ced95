using Akka.Actor;

namespace Pipeline.Node.Tests.Failures;

public sealed class EssentialActorsSpec : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("pipeline-essential-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData("/user/membership")]
    [InlineData("/user/dead-nodes")]
    [InlineData("/user/ingest-monitor")]
    [InlineData("/user/medallion-coordinator")]
    [InlineData("/system/sharding/bronze-committer")]
    public async Task A_node_ends_when_an_actor_is_gone_that_it_cannot_do_without(string path)
    {
        await using var node = await RunningNode.StartAsync(_directory, "");

        node.System.ActorSelection(path).Tell(PoisonPill.Instance);

        Assert.Equal(path, await node.EssentialGone.WaitAsync(TimeSpan.FromMinutes(3), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_node_that_is_told_to_stop_misses_nobody()
    {
        var node = await RunningNode.StartAsync(_directory, "");
        var gone = node.EssentialGone;

        await node.DisposeAsync();

        Assert.False(gone.IsCompleted);
    }
}
