using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Remoting.Joining;

namespace Pipeline.Operations.Control;

/// <summary>What the singleton is given.</summary>
/// <param name="Node">Where it is: host name and port.</param>
/// <param name="Events">What has happened, for who is called.</param>
internal sealed record ControlSetup(LakeControl Control, OrderRunner Orders, ScheduleWatch Schedules, EventRecord Events, string Node, OutageWatch Outages, TimeProvider Time);

/// <summary>
/// Has done what operators want: one in the cluster. It reads the lake's record of it every five seconds, and at once when a door says that
/// there is something new, tells all nodes what is to rest, and begins orders. What it forgets when it moves stands in the lake; what the lake
/// does not have yet, because it is away, the nodes remember for it.
/// </summary>
internal sealed class ControlActor : ReceiveActor, IWithTimers
{
    /// <summary>Each look is a request to the store; who says something to a running node waits for none.</summary>
    internal static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);

    /// <summary>How often what has happened is written: so that much that happens at once is one commit.</summary>
    private static readonly TimeSpan WriteEvery = TimeSpan.FromSeconds(3);

    /// <summary>Nodes report once a second.</summary>
    private static readonly TimeSpan SilentMax = TimeSpan.FromSeconds(15);

    /// <summary>Orders about different tables at a time: a rebuild takes its share of the node's memory.</summary>
    private const int OrdersMax = 2;

    /// <summary>How long after its end an order is said to nodes that are heard of for the first time: to one that has moved all are such.</summary>
    private static readonly TimeSpan SaidAgainFor = TimeSpan.FromMinutes(5);

    /// <summary>Tables that a line of the log names.</summary>
    private const int ToldMax = 10;

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CancellationTokenSource _stopping = new();
    private readonly ControlSetup _setup;
    private readonly Cluster _cluster = Cluster.Get(Context.System);
    private readonly OutageWaiter _looks;
    private readonly PipelineView _view = new();
    private readonly NodeConfigurations _configurations = new();
    private readonly Dictionary<string, IActorRef> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Wish> _unrecorded = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Order> _restarted = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ControlTarget> _running = new(StringComparer.Ordinal);
    private readonly Dictionary<UniqueAddress, DateTimeOffset> _seen = [];
    private readonly HashSet<string> _told = new(StringComparer.Ordinal);
    private readonly string _id = Guid.NewGuid().ToString();
    private ControlState _state = ControlState.None;
    private DateTimeOffset? _away;
    private ImmutableArray<UnlikeTable>? _unlike;
    private ImmutableHashSet<string> _compared = [];
    private bool _isKnown;
    private bool _isLooking;
    private bool _isRecording;
    private bool _isLookDue;
    private bool _isWriting;

    public ControlActor(ControlSetup setup)
    {
        _setup = setup;
        _looks = setup.Outages.Waiter();
        Receive<LookDue>(_ => Look());
        Receive<ControlRecorded>(recorded => Obey(recorded, "what operators want", Look));
        Receive<Outcome<ControlState>>(OnLooked);
        Receive<TakeUnrecorded>(take => Obey(take, take.Wish.Target, () => OnUnrecorded(take.Wish)));
        Receive<RestartUnrecorded>(restart => Obey(restart, restart.Order.Target, () => OnRestartUnrecorded(restart.Order)));
        Receive<Outcome<Recorded>>(OnRecorded);
        Receive<NodeReport>(OnReport);
        Receive<GetPipeline>(OnGetPipeline);
        Receive<OrderEnded>(OnOrderEnded);
        Receive<WriteDue>(_ => WriteEvents());
        Receive<Outcome<EventsWritten>>(OnWritten);
        Receive<ClusterEvent.MemberRemoved>(removed => OnGone(removed.Member.Address));
        Receive<ClusterEvent.IMemberEvent>(_ => { });
        Receive<Status.Failure>(failure => Background.ThrowIfAny(failure.Cause));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(ControlSetup setup) => Akka.Actor.Props.Create(() => new ControlActor(setup));

    protected override void PreStart()
    {
        _cluster.Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.MemberRemoved));
        Timers.StartPeriodicTimer(nameof(LookDue), LookDue.Instance, TimeSpan.Zero, LookEvery);
        Timers.StartPeriodicTimer(nameof(WriteDue), WriteDue.Instance, WriteEvery);
    }

    protected override void PostStop()
    {
        _cluster.Unsubscribe(Self);
        _stopping.Cancel();
        _looks.Dispose();
    }

    /// <summary>What the lake says, and what it does not know yet.</summary>
    private ControlState Wanted => _unrecorded.Values.Aggregate(_state, (state, wish) => state.With(wish));

    private void Obey(object message, object thing, Action then)
    {
        if (Context.IsFromCluster(_log, message, thing)) then();
    }

    private void Look()
    {
        _isLookDue = _isLooking;
        if (_isLooking) return;
        _isLooking = true;
        _looks.Asks();
        _ = Background.RunAsync(async cancel => await _setup.Control.StateAsync(cancel), _stopping.Token).PipeTo(Self);
    }

    private void OnLooked(Outcome<ControlState> outcome)
    {
        _isLooking = false;
        switch (outcome)
        {
            case Outcome<ControlState>.Done { Value: var state }:
                _looks.Answered();
                _away = null;
                Take(state);
                break;
            case Outcome<ControlState>.Failed { Cause: var cause }:
                _away ??= _setup.Time.GetUtcNow();
                OnUnread(Fault.Of("What operators want", cause));
                break;
        }

        if (_isLookDue) Look();
    }

    /// <summary>What is away is said by the node's watch.</summary>
    private void OnUnread(Fault fault)
    {
        if (fault.IsTransient) _looks.Failed(fault);
        else if (_told.Add(fault.Cause)) _log.Warning("What operators want cannot be read, and holds as it was: {0}", fault);
    }

    private void Take(ControlState state)
    {
        var (before, isFirst) = (_state, !_isKnown);
        (_state, _isKnown) = (state, true);
        foreach (var id in _unrecorded.Keys.Where(state.Knows).ToList()) _unrecorded.Remove(id);
        if (isFirst || before.Number != state.Number || before.Identity != state.Identity) Push();
        foreach (var order in state.Orders.Where(order => order.Outcome == OrderOutcome.Done && (IsFresh(order) || (!isFirst && order.Kind == OrderKind.AcceptGap)) && before.Orders.All(known => known.Id != order.Id || known.DoneAt is null)))
            if (WordOf(order) is { } word) Broadcast(word);
        RecordAll();
        foreach (var order in state.Waiting) Begin(order);
        foreach (var wish in state.Wishes.Where(wish => wish.Kind == WishKind.Schedule && !HeldWishes.Of(Wanted).Has(wish.Target.Table!))) Follow(wish);
    }

    private void Begin(Order order)
    {
        if (_running.ContainsKey(order.Id) || _running.ContainsValue(order.Target) || _running.Count >= OrdersMax) return;
        // It would run when it is resumed, whenever that is.
        if (order is { Kind: OrderKind.Trigger, Target.Table: { } held } && HeldWishes.Of(Wanted).Has(held)) return;
        if (order.Kind == OrderKind.Down && MayBeAnother(order.Target.Name)) return;
        _running[order.Id] = order.Target;
        var isOfNodes = order.Kind is OrderKind.Restart or OrderKind.Leave or OrderKind.Down or OrderKind.LogLevel;
        var refused = isOfNodes ? RefusalOf(order) : null;
        _ = Background.RunAsync(cancel => isOfNodes ? OfNodesAsync(order, refused, cancel) : RunAsync(order, cancel), _stopping.Token).PipeTo(Self, success: outcome => new OrderEnded(order, outcome));
    }

    private async ValueTask<(OrderOutcome Outcome, string? Detail)> RunAsync(Order order, CancellationToken cancellationToken)
    {
        var (outcome, detail) = await _setup.Orders.RunAsync(order, cancellationToken);
        await _setup.Control.EndAsync(order, outcome, detail, _setup.Node, cancellationToken);
        return (outcome, detail);
    }

    /// <summary>Recorded as done before it is: the node that starts again may be this one, and would find it waiting each time.</summary>
    private async ValueTask<(OrderOutcome Outcome, string? Detail)> OfNodesAsync(Order order, string? refused, CancellationToken cancellationToken)
    {
        var outcome = refused is null ? OrderOutcome.Done : OrderOutcome.Refused;
        await _setup.Control.EndAsync(order, outcome, refused, _setup.Node, cancellationToken);
        return (outcome, refused);
    }

    /// <summary>Why nothing is done of an order of nodes, for people; null: it is done.</summary>
    private string? RefusalOf(Order order) => order.Target.Kind != ControlTargetKind.Node ? null
        : MemberOf(order.Target.Name) is null ? "no node of the cluster is called so"
        : order.Kind != OrderKind.Restart && IsAnother(order) ? "the node that is called so now has started since it was given"
        : order.Kind != OrderKind.Down && Silent().Any(silent => silent.Node == order.Target.Name) ? "the node reports nothing, as nodes do of a release that knows no orders: stop it with SIGTERM, and start it again with the program of this release"
        : null;

    private bool IsAnother(Order order) => FactsOf(order.Target.Name) is { } facts && facts.StartedAt > order.At;

    /// <summary>When it started is not known yet: one that answers its neighbours says so within seconds.</summary>
    private bool MayBeAnother(string node)
    {
        if (FactsOf(node) is not null || MemberOf(node) is not { } member || _cluster.State.Unreachable.Contains(member)) return false;
        var now = _setup.Time.GetUtcNow();
        _seen.TryAdd(member.UniqueAddress, now);
        return now.Since(_seen[member.UniqueAddress]) < SilentMax;
    }

    private NodeFacts? FactsOf(string node) => _view.Lines.FirstOrDefault(line => line.Facts.Node == node)?.Facts;

    private Member? MemberOf(string node) => _cluster.State.Members.FirstOrDefault(member => NodeNames.Of(member.Address) == node);

    private void OnOrderEnded(OrderEnded ended)
    {
        var order = ended.Order;
        _running.Remove(order.Id);
        switch (ended.Outcome)
        {
            case Outcome<(OrderOutcome Outcome, string? Detail)>.Done { Value: { Outcome: OrderOutcome.Done } }:
                _log.Info("Order {Kind} of {Target} by {Who} is done: {Why}", ControlWords.Of(order.Kind), order.Target, order.Who, order.Why);
                if (WordOf(order) is { } word) Broadcast(word);
                if (order.Kind == OrderKind.Down && !IsAnother(order) && MemberOf(order.Target.Name) is { } gone) _cluster.Down(gone.Address);
                break;
            case Outcome<(OrderOutcome Outcome, string? Detail)>.Done { Value: var (outcome, detail) }:
                _log.Warning("Order {Kind} of {Target} by {Who} is {Outcome}: {Detail}", ControlWords.Of(order.Kind), order.Target, order.Who, ControlWords.Of(outcome), detail);
                break;
            case Outcome<(OrderOutcome Outcome, string? Detail)>.Failed { Cause: var cause }:
                OnOrderFailed(order, Fault.Of($"Order {ControlWords.Of(order.Kind)} of {order.Target}", cause));
                return;
        }

        Look();
    }

    /// <summary>What nodes have to do of an order that is done; null: nothing. Said twice it is done once.</summary>
    private static object? WordOf(Order order) => order.Kind switch
    {
        // Of a backfill: its workers begin anew in the epoch that stands there now.
        OrderKind.Restart or OrderKind.Backfill or OrderKind.BackfillPart or OrderKind.BackfillInOrder => new RestartWork(order.Id, order.Target, order.At),
        OrderKind.Leave => new LeaveWork(order.Id, order.Target.Name, order.At),
        OrderKind.LogLevel => new LogLevelWork(order.Id, order.Target.Name, order.Value ?? "", order.At),
        OrderKind.AcceptGap => new LookAgainAt(order.Target.Table!),
        _ => null,
    };

    /// <summary>Whether a node may have missed what it has to do of it.</summary>
    private bool IsFresh(Order order) => order.DoneAt is { } done && _setup.Time.GetUtcNow().Since(done) < SaidAgainFor;

    /// <summary>What may pass is begun again with the next look, not at once; what people have to mend ends the order.</summary>
    private void OnOrderFailed(Order order, Fault fault)
    {
        if (_told.Add(order.Id)) _log.Warning(fault.IsTransient ? "Order {Kind} of {Target} by {Who} waits, and is begun again: {Fault}" : "Order {Kind} of {Target} by {Who} has failed: {Fault}", ControlWords.Of(order.Kind), order.Target, order.Who, fault);
        if (fault.IsTransient) return;
        _running[order.Id] = order.Target;
        _ = Background.RunAsync(async cancel =>
        {
            await _setup.Control.EndAsync(order, OrderOutcome.Failed, fault.ToString(), _setup.Node, cancel);
            return (OrderOutcome.Failed, (string?)fault.ToString());
        }, _stopping.Token).PipeTo(Self, success: outcome => new OrderEnded(order, outcome));
    }

    private void Follow(Wish wish) => _setup.Schedules.Follow(wish, _stopping.Token);

    private void OnUnrecorded(Wish wish)
    {
        if (!_state.Knows(wish.Id)) _unrecorded[wish.Id] = wish;
        Push();
        Sender.Tell(new UnrecordedTaken(wish.Id));
        RecordAll();
    }

    private void OnRestartUnrecorded(Order order)
    {
        if (!_state.Knows(order.Id) && _restarted.TryAdd(order.Id, order)) Broadcast(new RestartWork(order.Id, order.Target, order.At));
        Sender.Tell(new UnrecordedTaken(order.Id));
        RecordAll();
    }

    /// <summary>What acted while the lake was away, as soon as it is back.</summary>
    private void RecordAll()
    {
        if (_isRecording || _away is not null || !_isKnown || (_unrecorded.Count == 0 && _restarted.Count == 0)) return;
        _isRecording = true;
        var (wishes, orders) = (_unrecorded.Values.ToList(), _restarted.Values.ToList());
        _ = Background.RunAsync(async cancel =>
        {
            foreach (var wish in wishes.OrderBy(wish => wish.At)) await _setup.Control.RecordAsync(wish, cancel);
            foreach (var order in orders.OrderBy(order => order.At)) await _setup.Control.RecordAsync(order, _setup.Node, cancel);
            return new Recorded(orders);
        }, _stopping.Token).PipeTo(Self);
    }

    private void OnRecorded(Outcome<Recorded> outcome)
    {
        _isRecording = false;
        if (outcome is Outcome<Recorded>.Done { Value.Orders: var orders })
            foreach (var order in orders) _restarted.Remove(order.Id);
        // Wishes are removed when they are read: until then they hold as they did.
        if (outcome is Outcome<Recorded>.Done) Look();
        // What is away is said by who reads what operators want.
        else if (outcome is Outcome<Recorded>.Failed { Cause: var cause } && Fault.Of("What operators want", cause) is { IsTransient: false } fault && _told.Add(fault.Cause))
            _log.Warning("What operators want holds, and cannot be recorded: {0}", fault);
    }

    private void OnReport(NodeReport report)
    {
        if (!Context.IsFromCluster(_log, report, report.Facts.Node)) return;
        var isNew = !_nodes.ContainsKey(report.Facts.Node);
        _nodes[report.Facts.Node] = Sender;
        See();
        _view.Hear(report, _setup.Time.GetUtcNow());
        _setup.Events.Hear(report, _view.Lines.Where(line => line.Facts.Node != report.Facts.Node));
        if (report.By is { } by) Learn(by);
        if (_configurations.IsNew(report.Facts)) _compared = _compared.Remove(report.Facts.Node);
        if (_configurations.Hear(report) || !_compared.Contains(report.Facts.Node)) Compare();
        // One that may still read the lake waits for it: the node goes on as it does.
        if (_isKnown || _away is not null) Sender.Tell(Desired());
        if (!isNew) return;
        foreach (var order in _state.Orders.Where(order => order.Outcome == OrderOutcome.Done && IsFresh(order)).Concat(_restarted.Values))
            if (WordOf(order) is { } word) Sender.Tell(word);
        RecordAll();
    }

    /// <summary>What a node acts by was said by the singleton before: one that cannot read the lake goes on from it.</summary>
    private void Learn(DesiredWork by)
    {
        foreach (var wish in by.Unrecorded.Where(wish => !_unrecorded.ContainsKey(wish.Id) && (!_isKnown || !_state.Knows(wish.Id)))) _unrecorded[wish.Id] = wish;
        if (!_isKnown && by.Singleton != _id && by.Number >= _state.Number) _state = by.ToState();
    }

    private void OnGone(Address address)
    {
        var node = NodeNames.Of(address);
        _nodes.Remove(node);
        if (_view.Lines.FirstOrDefault(line => line.Facts.Node == node) is { } gone) _setup.Events.Gone(gone, LakeControl.Whole(_setup.Time.GetUtcNow()));
        _view.Lose(node);
        _configurations.Lose(node);
        Compare();
    }

    /// <summary>Until one that has just come is heard of, what was said before holds. One that says nothing for long is of a release that reports to nobody.</summary>
    private void Compare()
    {
        var (now, members) = (_setup.Time.GetUtcNow(), See());
        var telling = members.Select(member => (Node: NodeNames.Of(member.Address), Seen: _seen[member.UniqueAddress])).Where(member => _nodes.ContainsKey(member.Node) || now.Since(member.Seen) < SilentMax).Select(member => member.Node);
        if (_configurations.Compare(telling) is not { } unlike || (_unlike is { } said && said.SequenceEqual(unlike) && _compared.SetEquals(_configurations.Known))) return;
        _compared = [.. _configurations.Known];
        if (_unlike is not { } before || !before.SequenceEqual(unlike)) Tell(unlike, wereUnlike: _unlike is { IsEmpty: false });
        _unlike = unlike;
        Push();
    }

    /// <summary>The nodes of the cluster, and since when each is known.</summary>
    private List<Member> See()
    {
        var (now, members) = (_setup.Time.GetUtcNow(), _cluster.State.Members.Where(member => member.Status is MemberStatus.Up or MemberStatus.WeaklyUp or MemberStatus.Leaving).ToList());
        foreach (var gone in _seen.Keys.Except(members.Select(member => member.UniqueAddress)).ToList()) _seen.Remove(gone);
        foreach (var member in members) _seen.TryAdd(member.UniqueAddress, now);
        return members;
    }

    /// <summary>One that does not answer its neighbours either may be of this release.</summary>
    private SilentNode[] Silent()
    {
        var (now, members) = (_setup.Time.GetUtcNow(), See());
        var places = members.Where(member => member.HasRole(IngestRegistration.Role)).Aggregate((Member?)null, (oldest, member) => oldest?.IsOlderThan(member) == true ? oldest : member);
        return [.. members.Where(member => !_nodes.ContainsKey(NodeNames.Of(member.Address)) && now.Since(_seen[member.UniqueAddress]) >= SilentMax && !_cluster.State.Unreachable.Contains(member))
            .Select(member => new SilentNode(NodeNames.Of(member.Address), member.Equals(places)))];
    }

    private void Tell(ImmutableArray<UnlikeTable> unlike, bool wereUnlike)
    {
        foreach (var same in unlike.GroupBy(table => (table.Reason, table.Newest)))
            _log.Warning("The nodes' configurations differ, and that of {0}, which started last, rules. {1}: {2}. Start all nodes with the same configuration", same.Key.Newest, same.Key.Reason switch
            {
                UnlikeReason.NotInNewest => "It does not have these tables, and nobody works on them",
                UnlikeReason.NotEverywhere => "Others do not know these tables, and nobody works on them",
                _ => "Others have other workers or another contract of these tables, and leave them alone",
            }, string.Join(", ", same.Take(ToldMax).Select(table => table.Table)) + (same.Count() > ToldMax ? $" and {same.Count() - ToldMax} more" : ""));
        if (unlike.IsEmpty && wereUnlike) _log.Info("The nodes' configurations are the same again");
    }

    private DesiredWork Desired() => DesiredWork.Of(_id, Wanted, _unrecorded.Values) with { Unlike = _unlike is { } unlike ? [.. unlike] : null, Compared = [.. _compared] };

    private void OnGetPipeline(GetPipeline get)
    {
        if (Context.IsFromCluster(_log, get, "the pipeline")) Sender.Tell(_view.Page(get.After, _setup.Time.GetUtcNow(), _away, _unrecorded.Keys) with { Wishes = [.. Wanted.Wishes], Unlike = [.. _unlike ?? []], Silent = Silent() });
    }

    private void WriteEvents()
    {
        if (_isWriting || _away is not null || !_setup.Events.IsDue(_view.IsWell)) return;
        _isWriting = true;
        var (pending, well) = (_setup.Events.Pending, _view.Well);
        _ = Background.RunAsync(async cancel => await _setup.Events.WriteAsync(pending, well, _setup.Node, cancel), _stopping.Token).PipeTo(Self);
    }

    private void OnWritten(Outcome<EventsWritten> outcome)
    {
        _isWriting = false;
        if (outcome is Outcome<EventsWritten>.Done { Value: var written }) _setup.Events.Written(written);
        // What is away is said by who reads what operators want.
        else if (outcome is Outcome<EventsWritten>.Failed { Cause: var cause } && Fault.Of($"Table {EventRecord.Id}", cause) is { IsTransient: false } fault && _told.Add(fault.Cause))
            _log.Warning("What has happened cannot be written down: {0}", fault);
    }

    private void Push() => Broadcast(Desired());

    private void Broadcast(object message)
    {
        foreach (var node in _nodes.Values) node.Tell(message);
    }

    private sealed record LookDue : INoSerializationVerificationNeeded
    {
        public static readonly LookDue Instance = new();
    }

    private sealed record WriteDue : INoSerializationVerificationNeeded
    {
        public static readonly WriteDue Instance = new();
    }

    private sealed record OrderEnded(Order Order, Outcome<(OrderOutcome Outcome, string? Detail)> Outcome) : INoSerializationVerificationNeeded;

    private sealed record Recorded(IReadOnlyList<Order> Orders);
}
