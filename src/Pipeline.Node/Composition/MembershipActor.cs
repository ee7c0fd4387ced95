using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using Pipeline.Remoting.Joining;

namespace Pipeline.Node.Composition;

/// <summary>Tells the log who comes into the cluster and who goes: what the person on call asks first.</summary>
internal sealed class MembershipActor : ReceiveActor
{
    private readonly Cluster _cluster = Cluster.Get(Context.System);
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly HashSet<UniqueAddress> _up = [];

    public MembershipActor()
    {
        Receive<ClusterEvent.MemberUp>(OnUp);
        Receive<ClusterEvent.UnreachableMember>(OnUnreachable);
        Receive<ClusterEvent.MemberRemoved>(OnRemoved);
        Receive<UnhandledMessage>(OnUnhandled);
    }

    protected override void PreStart()
    {
        _cluster.Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents,
            typeof(ClusterEvent.MemberUp), typeof(ClusterEvent.UnreachableMember), typeof(ClusterEvent.MemberRemoved));
        Context.System.EventStream.Subscribe<UnhandledMessage>(Self);
    }

    protected override void PostStop()
    {
        _cluster.Unsubscribe(Self);
        Context.System.EventStream.Unsubscribe(Self);
    }

    private void OnUp(ClusterEvent.MemberUp up)
    {
        _up.Add(up.Member.UniqueAddress);
        _log.Info("Node {Address} is up with {Roles}: {Nodes} in the cluster", AddressOf(up.Member), string.Join(", ", up.Member.Roles.Order(StringComparer.Ordinal)), _up.Count);
    }

    private void OnUnreachable(ClusterEvent.UnreachableMember unreachable) =>
        _log.Warning("Node {Address} does not answer: its work moves to others if that lasts", AddressOf(unreachable.Member));

    private void OnRemoved(ClusterEvent.MemberRemoved removed)
    {
        _up.Remove(removed.Member.UniqueAddress);
        if (removed.PreviousStatus == MemberStatus.Down) _log.Warning("Node {Address} was given up: {Nodes} in the cluster", AddressOf(removed.Member), _up.Count);
        else _log.Info("Node {Address} has left: {Nodes} in the cluster", AddressOf(removed.Member), _up.Count);
    }

    /// <summary>What can be read may have been sent to an actor that has no use for it, by whoever reaches the node.</summary>
    private void OnUnhandled(UnhandledMessage unhandled)
    {
        if (unhandled.Sender is { Path.Address.HasGlobalScope: true } && !ClusterSenders.IsFromCluster(Context.System, unhandled.Sender))
            _log.Warning("{Message} for {Recipient} is not obeyed: {Sender} is no member of this cluster", unhandled.Message.GetType().Name, unhandled.Recipient.Path, unhandled.Sender.Path);
    }

    private static string AddressOf(Member member) => $"{member.Address.Host}:{member.Address.Port}";
}
