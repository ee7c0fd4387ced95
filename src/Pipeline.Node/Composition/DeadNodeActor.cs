using System.Net.Sockets;
using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using Pipeline.Core;

namespace Pipeline.Node.Composition;

/// <summary>
/// Takes a node whose process has ended out of the cluster at once. Silence alone proves nothing: for a node that is slow,
/// frozen or cut off the split brain resolver waits and decides. But where nothing listens any more nobody is slow.
/// </summary>
/// <remarks>
/// Only as the resolver would decide too, when the others that can be reached are more than half: a firewall may refuse
/// connections to a process that lives.
/// </remarks>
internal sealed class DeadNodeActor : ReceiveActor
{
    /// <summary>An answer that takes longer is none.</summary>
    private static readonly TimeSpan ProbeMax = TimeSpan.FromSeconds(1);

    private readonly Cluster _cluster = Cluster.Get(Context.System);
    private readonly ILoggingAdapter _log = Context.GetLogger();

    public DeadNodeActor()
    {
        Receive<ClusterEvent.UnreachableMember>(OnUnreachable);
        Receive<Probed>(OnProbed);
        Receive<Status.Failure>(failure => Background.ThrowIfAny(failure.Cause));
    }

    protected override void PreStart() =>
        _cluster.Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.UnreachableMember));

    protected override void PostStop() => _cluster.Unsubscribe(Self);

    /// <summary>Whether nothing listens there: neither an answer nor silence says so.</summary>
    public static async Task<bool> IsGoneAsync(string host, int port)
    {
        using var limit = new CancellationTokenSource(ProbeMax);
        using var probe = new TcpClient();
        try
        {
            await probe.ConnectAsync(host, port, limit.Token);
            return false;
        }
        catch (SocketException refusal)
        {
            return refusal.SocketErrorCode == SocketError.ConnectionRefused;
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Whether those that can be reached, this node among them, are more than half of the cluster.</summary>
    public static bool IsMajority(int members, int unreachable) => 2 * (members - unreachable) > members;

    private void OnUnreachable(ClusterEvent.UnreachableMember unreachable)
    {
        var member = unreachable.Member;
        if (member.Address is { Host: { } host, Port: { } port }) _ = ProbeAsync(member, host, port).PipeTo(Self);
    }

    private void OnProbed(Probed probed)
    {
        var (state, member) = (_cluster.State, probed.Member);
        var isStillUnreachable = state.Unreachable.Any(other => other.UniqueAddress.Equals(member.UniqueAddress) && other.Status != MemberStatus.Down);
        if (!probed.IsGone || !isStillUnreachable || !IsMajority(state.Members.Count, state.Unreachable.Count)) return;

        _log.Warning("Nothing listens at {Address} any more: the node's process has ended", $"{member.Address.Host}:{member.Address.Port}");
        _cluster.Down(member.Address);
    }

    private static async Task<Probed> ProbeAsync(Member member, string host, int port) => new(member, await IsGoneAsync(host, port));

    private sealed record Probed(Member Member, bool IsGone);
}
