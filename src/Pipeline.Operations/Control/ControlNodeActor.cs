using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Operations.Options;
using Pipeline.Remoting.Joining;
using Pipeline.Transform.Coordination;

namespace Pipeline.Operations.Control;

/// <summary>What a node's monitor is given.</summary>
/// <param name="Control">The singleton, wherever it is.</param>
/// <param name="Ingest">The node's watch over its workers; null: it has none.</param>
/// <param name="Knows">The tables of its configuration.</param>
/// <param name="Restart">Called when an operator wants this node started again.</param>
/// <param name="Leave">Called when an operator wants it to end.</param>
/// <param name="Log">How much its log tells.</param>
internal sealed record ControlNodeSetup(NodeFacts Facts, ImmutableArray<KnownTable> Knows, IActorRef Control, IActorRef? Ingest, Holds Holds, CoordinatorBoard Board, StandingTables Standing, OutageWatch Outages, Action Restart, Action Leave, ILogLevels Log, TimeProvider Time)
{
    public TimeSpan ReportEvery { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>
/// A node's part in what operators want: tells the singleton once a second how the tables are that are worked on here, and has done
/// here what it answers. One that the singleton does not reach goes on by what it heard last.
/// </summary>
internal sealed class ControlNodeActor : ReceiveActor, IWithTimers
{
    /// <summary>Said again to be sure, though nothing has changed.</summary>
    private const int ReportsPerWhole = 30;

    /// <summary>Of a node that is up: nobody does what operators want or compares configurations then, as where the oldest node is of a release that has no singleton for it.</summary>
    private const int UnansweredMax = 20;

    /// <summary>Orders that are remembered as heard.</summary>
    private const int HeardMax = 1_000;

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly ControlNodeSetup _setup;
    private readonly Dictionary<TableId, TableReport> _said = [];
    private readonly WorkReports _reports;
    private readonly Queue<string> _heard = new();
    private DesiredWork? _desired;
    private int _sent;
    private int _unanswered;
    private bool _isToldAnew;

    public ControlNodeActor(ControlNodeSetup setup)
    {
        _setup = setup;
        _reports = new WorkReports(setup.Time);
        Receive<ReportDue>(_ => OnReportDue());
        Receive<IngestStatus>(Report);
        Receive<DesiredWork>(OnDesired);
        Receive<RestartWork>(OnRestart);
        Receive<LookAgainAt>(OnLookAgain);
        Receive<LeaveWork>(OnLeave);
        Receive<LogLevelWork>(OnLogLevel);
        Receive<GetSilentLeader>(_ => Sender.Tell(new SilentLeader(LeaderThatIsSilent())));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(ControlNodeSetup setup) => Akka.Actor.Props.Create(() => new ControlNodeActor(setup));

    protected override void PreStart() => Timers.StartPeriodicTimer(nameof(ReportDue), ReportDue.Instance, TimeSpan.Zero, _setup.ReportEvery);

    private void OnReportDue()
    {
        if (Cluster.Get(Context.System).SelfMember.Status == MemberStatus.Up && ++_unanswered == UnansweredMax && _desired is null)
        {
            _setup.Holds.Compared();
            _setup.Ingest?.Tell(new HoldsChanged());
        }

        if (_setup.Ingest is { } ingest) ingest.Tell(new GetIngestStatus());
        else Report(new IngestStatus([], 0));
    }

    /// <summary>One that does not answer its neighbours either may be of this release, and this node itself has a singleton.</summary>
    private string? LeaderThatIsSilent()
    {
        var cluster = Cluster.Get(Context.System);
        var oldest = cluster.State.Members.Where(member => member.Status is MemberStatus.Up or MemberStatus.Leaving).Aggregate((Member?)null, (oldest, member) => oldest?.IsOlderThan(member) == true ? oldest : member);
        return _unanswered < UnansweredMax || oldest is null || oldest.UniqueAddress == cluster.SelfUniqueAddress || cluster.State.Unreachable.Contains(oldest) ? null : NodeNames.Of(oldest.Address);
    }

    private void Report(IngestStatus ingest)
    {
        if (_sent++ % ReportsPerWhole == 0 || _isToldAnew) _said.Clear();
        _isToldAnew = false;
        var now = _reports.Of(ingest, _setup.Board, _setup.Standing);
        var news = now.Values.Where(table => !_said.TryGetValue(table.Table, out var said) || !said.IsSameAs(table)).ToArray();
        TableId[] gone = [.. _said.Keys.Where(table => !now.ContainsKey(table))];
        foreach (var table in gone) _said.Remove(table);
        foreach (var table in news) _said[table.Table] = table;
        var troubles = Troubles();
        foreach (var part in news.Chunk(NodeReport.TablesMax).DefaultIfEmpty([])) Tell(part, gone, []);
        if (!IsCompared)
            foreach (var part in _setup.Knows.Chunk(NodeReport.TablesMax)) Tell([], [], part);

        void Tell(TableReport[] tables, TableId[] noMore, KnownTable[] knows) => _setup.Control.Tell(new NodeReport(_setup.Facts, _desired, _setup.Holds.IsNode, ingest.BufferBytes, tables, noMore)
        {
            Away = [.. _setup.Outages.Away.Select(away => away.Fault.Outage)],
            Knows = knows,
            Troubles = troubles,
        });
    }

    /// <summary>Whether the singleton knows this node's configuration, or is of a release that does not ask for it.</summary>
    private bool IsCompared => _desired is { } desired && desired.Compared?.Contains(_setup.Facts.Node) != false;

    private Trouble[] Troubles()
    {
        var now = _setup.Time.GetUtcNow();
        return [.. _setup.Outages.Away.Select(away => new Trouble(away.Fault.Kind, away.Thing, away.Fault.Cause, away.Fault.NextStep, LakeControl.Whole(now - away.Duration)))
            .Concat(_setup.Outages.Waits.Lasting.Select(wait => new Trouble(Kind: null, wait.Thing, wait.Reason, wait.NextStep ?? "", LakeControl.Whole(now - wait.Duration)))).Take(NodeReport.TroublesMax)];
    }

    private void OnDesired(DesiredWork desired)
    {
        if (!Context.IsFromCluster(_log, desired, "what operators want")) return;
        // What is worked on here is known until then: an order about a source may come with it.
        if (desired.Singleton != _desired?.Singleton) _isToldAnew = true;
        // One that has moved does not know every node yet: what was said before holds.
        if (desired.Unlike is null) desired = desired with { Unlike = _desired?.Unlike };
        (_desired, _unanswered) = (desired, 0);
        _setup.Holds.Set(desired.ToWork(), _setup.Facts.Node);
        if (IsCompared) _setup.Holds.Compared();
        // It knows whose work that is, and does nothing twice.
        _setup.Ingest?.Tell(new HoldsChanged());
    }

    private void OnRestart(RestartWork restart)
    {
        if (!Context.IsFromCluster(_log, restart, restart.Target) || !IsNews(restart.OrderId, restart.At)) return;
        switch (restart.Target.Kind)
        {
            case ControlTargetKind.Table:
                _setup.Ingest?.Tell(new RestartIngest(restart.Target.Table));
                break;
            case ControlTargetKind.Source:
                foreach (var table in _said.Keys.Where(table => table.Source == restart.Target.Name)) _setup.Ingest?.Tell(new RestartIngest(table));
                break;
            case ControlTargetKind.Node when restart.Target.Name == _setup.Facts.Node:
                _log.Warning("This node stops and starts again: an operator wants it");
                _setup.Restart();
                break;
        }
    }

    /// <summary>An order is said again by a singleton that has moved; one that was given before this node started was about another.</summary>
    private bool IsNews(string orderId, DateTimeOffset at)
    {
        if (at <= _setup.Facts.StartedAt || _heard.Contains(orderId)) return false;
        _heard.Enqueue(orderId);
        if (_heard.Count > HeardMax) _heard.Dequeue();
        return true;
    }

    private void OnLeave(LeaveWork leave)
    {
        if (!Context.IsFromCluster(_log, leave, leave.Node) || leave.Node != _setup.Facts.Node || !IsNews(leave.OrderId, leave.At)) return;
        _log.Warning("This node leaves the cluster and ends: an operator wants it");
        _setup.Leave();
    }

    private void OnLogLevel(LogLevelWork work)
    {
        if (!Context.IsFromCluster(_log, work, work.Node) || work.Node != _setup.Facts.Node || !IsNews(work.OrderId, work.At)) return;
        LogOrder order;
        try
        {
            order = LogOrder.Parse(work.Value);
        }
        catch (PipelineException e)
        {
            _log.Warning("How much the log is to tell stays as it is: {0}", e.Message);
            return;
        }

        _setup.Log.Take(order);
        const string Told = "An operator wants the log to tell other things: {0}";
        var now = _setup.Log.Now;
        var text = string.Join("; ", now.Select(line => line.ToString()));
        // It is heard whatever is told now.
        if (now.Any(line => line.Level > LogDetail.Warning)) _log.Error(Told, text);
        else _log.Warning(Told, text);
    }

    private void OnLookAgain(LookAgainAt again)
    {
        if (Context.IsFromCluster(_log, again, again.Table)) _setup.Ingest?.Tell(new ResumeIngest(again.Table));
    }

    private sealed record ReportDue : INoSerializationVerificationNeeded
    {
        public static readonly ReportDue Instance = new();
    }
}
