using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Remoting.Joining;

namespace Pipeline.Node.Composition;

/// <summary>Hears what readers of Bronze have looked at.</summary>
internal sealed class LandingActor : ReceiveActor
{
    private readonly ILoggingAdapter _log = Context.GetLogger();

    public LandingActor(LandedTables landed)
    {
        Receive<BronzeLooked>(looked =>
        {
            if (Context.IsFromCluster(_log, looked, looked.Table)) landed.Looked(looked);
        });
        Receive<SubscribeAck>(_ => { });
    }

    protected override void PreStart() => DistributedPubSub.Get(Context.System).Mediator.Tell(new Subscribe(LakeEvents.LooksTopic, Self));
}
