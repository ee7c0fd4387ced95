using System.Net;
using System.Net.Sockets;
using Pipeline.Node.Composition;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

/// <summary>What is proof that a node's process has ended, and what is not.</summary>
public sealed class DeadNodeSpec : IDisposable
{
    private const string OfIngest = "cluster.roles = [ingest]";

    private readonly ScratchDirectory _directory = new("pipeline-dead-node-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_port_where_nothing_listens_any_more_is_proof()
    {
        // Held, so that nobody else listens there meanwhile.
        using var held = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        held.Bind(new IPEndPoint(IPAddress.Loopback, 0));

        Assert.True(await DeadNodeActor.IsGoneAsync("127.0.0.1", ((IPEndPoint)held.LocalEndPoint!).Port));
    }

    [Fact]
    public async Task A_process_that_listens_and_never_answers_is_not_gone()
    {
        using var frozen = new TcpListener(IPAddress.Loopback, 0);
        frozen.Start();

        Assert.False(await DeadNodeActor.IsGoneAsync("127.0.0.1", ((IPEndPoint)frozen.LocalEndpoint).Port));
    }

    [Fact]
    public async Task A_node_that_was_killed_and_one_that_has_left_are_told_by_what_it_means_and_not_as_an_error_of_a_connection()
    {
        // A machine that stands still for longer than a node may be silent makes one that is leaving look dead.
        for (var attempt = 1; !await AreToldAsync($"{attempt}"); attempt++) Assert.InRange(attempt, 1, 5);
    }

    [Fact]
    public async Task A_host_that_cannot_be_found_proves_nothing() => Assert.False(await DeadNodeActor.IsGoneAsync("no-such-node.invalid", 4053));

    [Theory]
    [InlineData(3, 1, true)]
    [InlineData(3, 2, false)]
    [InlineData(2, 1, false)]
    [InlineData(5, 2, true)]
    [InlineData(4, 2, false)]
    public void Only_those_who_are_more_than_half_may_say_so(int members, int unreachable, bool isMajority) =>
        Assert.Equal(isMajority, DeadNodeActor.IsMajority(members, unreachable));

    /// <returns>False: the machine stood still meanwhile, and nothing is known.</returns>
    private async Task<bool> AreToldAsync(string attempt)
    {
        await using var first = await RunningNode.StartAsync(Sub($"first-{attempt}"), "", behind: OfIngest);
        var joining = $"{OfIngest}\ncluster.seed-nodes = [\"{first.Address}\"]";
        await using (await RunningNode.StartAsync(Sub($"leaving-{attempt}"), "", first.LakeDirectory, joining)) await first.WaitForMembersAsync(2);
        await first.WaitForMembersAsync(1);
        if (first.Log.Any(line => line.Contains("does not answer", StringComparison.Ordinal))) return false;
        Assert.Empty(first.Log);
        await using var killed = NodeProcess.Start("run", "--config", await RunningNode.ConfigureAsync(Sub($"killed-{attempt}"), "", joining), "--lake", first.LakeDirectory);
        await first.WaitForMembersAsync(2);

        await killed.KillAsync();

        await first.WaitForLogAsync("does not answer: its work moves to others if that lasts");
        Assert.DoesNotContain(first.Log, line => line.Contains(" ERR ", StringComparison.Ordinal) || line.Contains("ssociat", StringComparison.Ordinal));
        return true;
    }

    private string Sub(string name) => Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
}
