using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Remoting.Joining;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination.Freshness;

/// <summary>
/// Knows how fresh every table of the lake is: hears what readers of Bronze have looked at and, from the coordinator whose child it
/// is, what runs have made. Publishes it, and writes it into the lake once a minute.
/// </summary>
public sealed class FreshnessActor : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan WriteEvery = TimeSpan.FromMinutes(1);
    private const string Coordinator = "coordinator";

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CancellationTokenSource _stopping = new();
    private readonly OpenTables _tables;
    private readonly TransformGraph _graph;
    private readonly FreshnessOptions _options;
    private readonly TimeProvider _time;
    private readonly long _origin;
    private readonly LakeFreshness _freshness;
    private readonly LastFaults _faults = new();
    private readonly Dictionary<TableId, BreachForecast> _forecasts;
    private readonly FreshnessMeter _meter;
    private readonly StandingTables _standing;
    private readonly CoordinatorBoard? _board;
    private ImmutableArray<MeasuredFreshness> _measured = [];
    private bool _isRecalling;
    private bool _isRecalled;
    private bool _isMadeMeanwhile;
    private bool _isWriting;
    private bool _hasSaidUnwritten;
    private readonly List<IActorRef> _tellers = [];

    public FreshnessActor(OpenTables tables, TransformGraph graph, IReadOnlyCollection<TableId> bronze, FreshnessOptions options, StandingTables standing, TimeProvider time, CoordinatorBoard? board = null)
    {
        _board = board;
        (_tables, _graph, _options, _standing, _time) = (tables, graph, options, standing, time);
        _origin = time.GetTimestamp();
        _freshness = new LakeFreshness(bronze, graph.Tables.Select(table => (table, InputsOf(table))), Now);
        _forecasts = _freshness.Tables.ToDictionary(table => table, _ => new BreachForecast());
        _meter = new FreshnessMeter(() => _measured, () => Now);

        Receive<BronzeLooked>(OnLooked);
        Receive<TableMade>(OnMade);
        Receive<TableFails>(fails => Say(fails.Table, fails.Fault));
        Receive<TableRests>(rests => Say(rests.Table, fault: null));
        Receive<LookDue>(_ => Look());
        Receive<WriteDue>(_ => Write());
        Receive<TellLake>(_ => OnTell());
        Receive<Outcome<Recollection>>(OnRecalled);
        Receive<Written>(OnWritten);
        Receive<SubscribeAck>(_ => { });
        Receive<Status.Failure>(failure => Background.ThrowIfAny(failure.Cause));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private TimeSpan Now => _time.GetElapsedTime(_origin);

    /// <param name="bronze">The tables that sources fill.</param>
    /// <param name="standing">Told of the tables whose runs fail.</param>
    /// <param name="board">Told how fresh the tables are; null: nobody reads it.</param>
    public static Props Props(OpenTables tables, TransformGraph graph, IReadOnlyCollection<TableId> bronze, FreshnessOptions options, StandingTables standing, TimeProvider time, CoordinatorBoard? board = null) =>
        Akka.Actor.Props.Create(() => new FreshnessActor(tables, graph, bronze, options, standing, time, board));

    protected override void PreStart()
    {
        DistributedPubSub.Get(Context.System).Mediator.Tell(new Subscribe(LakeEvents.LooksTopic, Self));
        Timers.StartPeriodicTimer(nameof(LookDue), LookDue.Instance, LookEvery);
        Timers.StartPeriodicTimer(nameof(WriteDue), WriteDue.Instance, WriteEvery);
        Recall();
    }

    protected override void PostStop()
    {
        _stopping.Cancel();
        _meter.Dispose();
        _standing.Forget();
        _board?.Say(reflected: null);
    }

    /// <summary>A Silver table waits for its Bronze table; rows that wait for other tables do so in its quarantine.</summary>
    private IReadOnlyList<TableId> InputsOf(TableId table) => _graph.TrySilver(table) is { } contract ? [contract.From] : _graph.InputsOf(table);

    /// <summary>What is missed before the lake has been read comes again.</summary>
    private void OnLooked(BronzeLooked looked)
    {
        if (!_isRecalled || !Context.IsFromCluster(_log, looked, looked.Table)) return;
        _freshness.Looked(looked, Now);
        _faults.Say(looked.Table, looked.Reader, looked.Fault, _time.GetUtcNow());
        _faults.Doubt(looked.Table, looked.Reader, looked.Doubt, _time.GetUtcNow());
    }

    private void OnMade(TableMade made)
    {
        _isMadeMeanwhile = true;
        _freshness.Made(made.Table, made.Version, made.Inputs);
        _standing.Say(made.Table, fault: null);
        _faults.Say(made.Table, Coordinator, fault: null, _time.GetUtcNow());
        if (_isRecalled) Look();
    }

    private void Say(TableId table, Fault? fault)
    {
        _freshness.Fails(table, fault is not null);
        _standing.Say(table, fault);
        _faults.Say(table, Coordinator, fault, _time.GetUtcNow());
    }

    private void Look()
    {
        if (!_isRecalled)
        {
            Recall();
            return;
        }

        var now = Now;
        _freshness.Follow(now);
        _measured = [.. _freshness.Tables.Select(table =>
        {
            var sla = _options.SlaOf(table);
            return new MeasuredFreshness(table, _freshness.UntilOf(table), sla, _forecasts[table].Observe(now, _freshness.SignalsOf(table, now, sla)));
        })];
        var clock = _time.GetUtcNow();
        _board?.Say(_measured.ToDictionary(measured => measured.Table, measured => clock.Minus(now - measured.Until)));
    }

    private void Recall()
    {
        if (_isRecalling) return;
        (_isRecalling, _isMadeMeanwhile) = (true, false);
        _ = Background.RunAsync(RecallAsync, _stopping.Token).PipeTo(Self);
    }

    private async ValueTask<Recollection> RecallAsync(CancellationToken cancellationToken)
    {
        var (told, unread) = await ReadAsync(cancellationToken);
        var made = new List<TableMade>();
        foreach (var table in _graph.Tables)
            if (await _tables.TryOpenAsync(table, cancellationToken) is { Current: var current })
                made.Add(new TableMade(table, current.Version, [.. Reflected.AllOf(current).Where(read => InputsOf(table).Contains(read.Table)).Select(read => new PinnedInput(read.Table, After: null, read.Version))]));
        return new Recollection(told, unread, made);
    }

    private async ValueTask<(LakeStatus? Told, Fault? Unread)> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await LakeStatus.TryReadAsync(_tables.Lake.Store, cancellationToken), null);
        }
        catch (PipelineException e) when (e.Kind == FaultKind.Damaged)
        {
            return (null, Fault.Of(e.Thing, e));
        }
    }

    private void OnRecalled(Outcome<Recollection> outcome)
    {
        _isRecalling = false;
        switch (outcome)
        {
            case Outcome<Recollection>.Done when _isMadeMeanwhile:
                Recall();
                break;
            case Outcome<Recollection>.Done { Value: var recalled }:
                Take(recalled);
                break;
            case Outcome<Recollection>.Failed { Cause: var cause }:
                // The coordinator, who reads the same logs, says what is away; this is tried again when it is looked next.
                _log.Debug("How fresh the tables were cannot be read: {Cause}", cause.Message);
                break;
        }
    }

    private void Take(Recollection recalled)
    {
        var (now, clock) = (Now, _time.GetUtcNow());
        if (recalled.Unread is { } unread) _log.Warning("How fresh tables are is counted from now on: {Fault}", unread);
        foreach (var told in recalled.Told?.Tables ?? [])
        {
            // A clock that was set back since makes nothing fresher than now.
            var age = clock - told.ReflectsUntil;
            _freshness.Recall(told.Table, told.Version, now - (age > TimeSpan.Zero ? age : TimeSpan.Zero));
            _faults.Recall(told.Table, told.Fault, told.Outages);
        }

        foreach (var made in recalled.Made) _freshness.Made(made.Table, made.Version, made.Inputs);
        _isRecalled = true;
        Look();
    }

    private void Write()
    {
        if (!_isRecalled || _isWriting) return;
        _isWriting = true;
        var (now, clock) = (Now, _time.GetUtcNow());
        var status = new LakeStatus(clock, [.. _freshness.Tables.OrderBy(table => table, TableId.ByName)
            .Select(table => new ToldTable(table, _freshness.VersionOf(table), clock.Minus(now - _freshness.UntilOf(table)), _options.SlaOf(table).TotalSeconds, _faults.Of(table)) { Outages = _faults.OutagesOf(table, clock), Doubt = _faults.DoubtOf(table) })]);
        _ = WriteAsync(status).PipeTo(Self);
    }

    private void OnTell()
    {
        _tellers.Add(Sender);
        Look();
        Write();
        if (!_isWriting) AnswerTellers();
    }

    private void AnswerTellers()
    {
        foreach (var teller in _tellers) teller.Tell(new LakeTold());
        _tellers.Clear();
    }

    private async Task<Written> WriteAsync(LakeStatus status) => new(await Background.FailureAsync(cancel => status.WriteAsync(_tables.Lake.Store, cancel), _stopping.Token));

    private void OnWritten(Written written)
    {
        _isWriting = false;
        AnswerTellers();
        if (written.Failure is { } failure && !_hasSaidUnwritten) _log.Warning("How the tables are cannot be written into the lake: {Fault}", Fault.Of($"Object {LakeStatus.Path}", failure));
        else if (written.Failure is null && _hasSaidUnwritten) _log.Info("How the tables are can be written into the lake again");
        _hasSaidUnwritten = written.Failure is not null;
    }

    /// <summary>What the lake says.</summary>
    private sealed record Recollection(LakeStatus? Told, Fault? Unread, IReadOnlyList<TableMade> Made);

    private sealed record Written(Exception? Failure) : INoSerializationVerificationNeeded;

    private sealed record LookDue : INoSerializationVerificationNeeded
    {
        public static readonly LookDue Instance = new();
    }

    private sealed record WriteDue : INoSerializationVerificationNeeded
    {
        public static readonly WriteDue Instance = new();
    }
}
