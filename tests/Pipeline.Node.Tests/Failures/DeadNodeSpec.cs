using System.Net;
using System.Net.Sockets;
using Pipeline.Node.Composition;

namespace Pipeline.Node.Tests.Failures;

/// <summary>What is proof that a node's process has ended, and what is not.</summary>
public sealed class DeadNodeSpec
{
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
    public async Task A_host_that_cannot_be_found_proves_nothing() => Assert.False(await DeadNodeActor.IsGoneAsync("no-such-node.invalid", 4053));

    [Theory]
    [InlineData(3, 1, true)]
    [InlineData(3, 2, false)]
    [InlineData(2, 1, false)]
    [InlineData(5, 2, true)]
    [InlineData(4, 2, false)]
    public void Only_those_who_are_more_than_half_may_say_so(int members, int unreachable, bool isMajority) =>
        Assert.Equal(isMajority, DeadNodeActor.IsMajority(members, unreachable));
}
