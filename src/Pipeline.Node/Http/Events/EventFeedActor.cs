using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Remoting.Joining;

namespace Pipeline.Node.Http.Events;

/// <summary>Hears what all nodes announce of the tables, for who listens to this one.</summary>
internal sealed class EventFeedActor : ReceiveActor
{
    private readonly EventFeed _feed;
    private readonly TimeProvider _time;
    private readonly ILoggingAdapter _log = Context.GetLogger();

    /// <summary>What keeps readers of tables, by table and reader.</summary>
    private readonly Dictionary<(TableId Table, string Reader), Fault> _kept = [];

    public EventFeedActor(EventFeed feed, TimeProvider time)
    {
        (_feed, _time) = (feed, time);
        Hear<BronzeCommitted>(committed => committed.Table, committed => _feed.Say(new NodeEvent(NodeEventKind.Committed, committed.CommittedAt, committed.Table, committed.Version, committed.Rows)));
        Hear<TableAdvanced>(advanced => advanced.Table, advanced => _feed.Say(new NodeEvent(NodeEventKind.Advanced, advanced.CommittedAt, advanced.Table, advanced.Version, advanced.Rows)));
        Hear<BronzeLooked>(looked => looked.Table, OnLooked);
        Receive<SubscribeAck>(_ => { });
    }

    public static Props Props(EventFeed feed, TimeProvider time) => Akka.Actor.Props.Create(() => new EventFeedActor(feed, time));

    protected override void PreStart()
    {
        var mediator = DistributedPubSub.Get(Context.System).Mediator;
        foreach (var topic in (ReadOnlySpan<string>)[LakeEvents.Topic, LakeEvents.LooksTopic]) mediator.Tell(new Subscribe(topic, Self));
    }

    private void Hear<T>(Func<T, TableId> tableOf, Action<T> hear)
        where T : class => Receive<T>(said =>
    {
        if (Context.IsFromCluster(_log, said, tableOf(said))) hear(said);
    });

    private void OnLooked(BronzeLooked looked)
    {
        var reader = (looked.Table, looked.Reader);
        var before = _kept.GetValueOrDefault(reader);
        // A reader says again and again what keeps it, in words that may differ.
        if (before?.Kind == looked.Fault?.Kind && before?.Thing == looked.Fault?.Thing) return;
        if (looked.Fault is { } fault)
        {
            _kept[reader] = fault;
            _feed.Say(new NodeEvent(fault.IsTriedAgain ? NodeEventKind.Retried : NodeEventKind.Halted, _time.GetUtcNow(), looked.Table, Fault: fault));
            return;
        }

        _kept.Remove(reader);
        if (!_kept.Keys.Any(other => other.Table == looked.Table)) _feed.Say(new NodeEvent(NodeEventKind.Resumed, _time.GetUtcNow(), looked.Table));
    }
}
