using Akka.Actor;
using Akka.Cluster;

namespace Pipeline.Remoting.Joining;

/// <summary>Who may give orders to an actor of ours: actors of this node and of the nodes that have joined it.</summary>
public static class ClusterSenders
{
    /// <summary>Whether the message that is being handled has such a sender. One without any came from nobody who may.</summary>
    public static bool IsFromCluster(this IActorContext context)
    {
        var sender = context.Sender;
        if (sender is null || sender.IsNobody() || sender.Equals(context.System.DeadLetters)) return false;
        var address = sender.Path.Address;
        return address.HasLocalScope || address.Equals(Cluster.Get(context.System).SelfAddress)
            || Cluster.Get(context.System).State.Members.Any(member => member.Address.Equals(address));
    }
}
