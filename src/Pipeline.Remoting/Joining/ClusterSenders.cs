using Akka.Actor;
using Akka.Cluster;
using Akka.Event;

namespace Pipeline.Remoting.Joining;

/// <summary>Who may give orders to an actor of ours: actors of this node and of the nodes that have joined it.</summary>
public static class ClusterSenders
{
    /// <summary>The same; one who may not is told of in one line.</summary>
    /// <param name="thing">What the message is about.</param>
    public static bool IsFromCluster(this IActorContext context, ILoggingAdapter log, object message, object thing)
    {
        if (context.IsFromCluster()) return true;
        log.Warning("{Message} for {Thing} is not obeyed: {Sender} is no member of this cluster", message.GetType().Name, thing, context.Sender.Path);
        return false;
    }

    /// <summary>Whether the message that is being handled has such a sender. One without any came from nobody who may.</summary>
    public static bool IsFromCluster(this IActorContext context) => IsFromCluster(context.System, context.Sender);

    /// <inheritdoc cref="IsFromCluster(IActorContext)"/>
    public static bool IsFromCluster(ActorSystem system, IActorRef? sender)
    {
        if (sender is null || sender.IsNobody() || sender.Equals(system.DeadLetters)) return false;
        var address = sender.Path.Address;
        return address.HasLocalScope || address.Equals(Cluster.Get(system).SelfAddress)
            || Cluster.Get(system).State.Members.Any(member => member.Address.Equals(address));
    }
}
