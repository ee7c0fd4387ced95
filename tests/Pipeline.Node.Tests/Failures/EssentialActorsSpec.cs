using Akka.Actor;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

public sealed class EssentialActorsSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-essential-");

    public void Dispose() => _directory.Dispose();

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

        Assert.Equal(path, await node.EssentialGone.WaitAsync(Deadlines.Test, TestContext.Current.CancellationToken));
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
