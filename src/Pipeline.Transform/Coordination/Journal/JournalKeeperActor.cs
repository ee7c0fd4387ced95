using Akka.Actor;
using Akka.Event;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Remoting.Joining;

namespace Pipeline.Transform.Coordination.Journal;

/// <summary>
/// Keeps the coordinator's journal, and the coordinator from depending on it: every answer comes in bounded time, whatever
/// the journal does. One that is away is tried again by the policy and is told everything when it is back.
/// </summary>
/// <remarks>
/// What a journal knows and the lake does not are the operators' pauses and how many rows a table's runs may read. The runs
/// themselves are in the tables' logs.
/// <code>
/// Naming ──the lake says which it is──▶ Opening
/// Opening ──read──▶ Open ──a write fails or takes too long──▶ Away ──backoff──▶ Opening
///    └──fails or takes too long──▶ Away
/// </code>
/// </remarks>
internal sealed class JournalKeeperActor : ReceiveActor, IWithTimers
{
    /// <summary>How the name begins under which a pipeline is remembered: what follows is its own name and its lake's id.</summary>
    public const string IdPrefix = "medallion-coordinator";

    /// <summary>How long the coordinator waits for what is remembered before it begins without.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>How long a write may take before the coordinator goes on without it.</summary>
    private static readonly TimeSpan WriteMax = TimeSpan.FromSeconds(3);

    /// <summary>How long reading may take; what is slow on a loaded machine is better read late than again.</summary>
    private static readonly TimeSpan ReadMax = TimeSpan.FromMinutes(2);

    /// <summary>What is not read by then is said to be away, and read on.</summary>
    private static readonly TimeSpan SlowAfter = TimeSpan.FromSeconds(5);

    private static readonly RetryPolicy Reopening = new() { BackoffMin = TimeSpan.FromMilliseconds(500), BackoffMax = TimeSpan.FromSeconds(30) };

    private const int EventsPerSnapshot = 200;

    private readonly string _pipeline;
    private readonly Lake _lake;
    private readonly TransformOptions _options;
    private readonly JournalPlugins _plugins;
    private readonly TimeProvider _time;
    private readonly OutageWaiter _outage;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CancellationTokenSource _stopping = new();
    private readonly string _name;
    private IActorRef? _journal;
    private Queue<string> _formers = [];
    private IActorRef? _former;
    private string _formerId = "";
    private string? _lakeId;
    private IActorRef? _writer;
    private int _failures;
    private int _incarnation;
    private int _children;
    private int _written;
    private bool _isRecalled;
    private bool _isUnreadable;
    private PipelineException? _missing;

    public JournalKeeperActor(string pipeline, Lake lake, TransformOptions options, JournalPlugins plugins, OutageWatch outages, TimeProvider time)
    {
        _pipeline = pipeline;
        _lake = lake;
        _options = options;
        _plugins = plugins;
        _time = time;
        _outage = outages.Waiter();
        _name = $"Journal {JournalFile.Of(options) ?? $"of {options.JournalProvider.ToString().ToLowerInvariant()}"}";
        Naming();
    }

    public ITimerScheduler Timers { get; set; } = null!;

    /// <param name="pipeline">Whose journal it is, together with the lake: several pipelines may share a database.</param>
    public static Props Props(string pipeline, Lake lake, TransformOptions options, JournalPlugins plugins, OutageWatch outages, TimeProvider time) =>
        Akka.Actor.Props.Create(() => new JournalKeeperActor(pipeline, lake, options, plugins, outages, time));

    protected override void PreStart()
    {
        Timers.StartSingleTimer(nameof(OutOfPatience), OutOfPatience.Instance, Patience);
        var (lake, time) = (_lake, _time);
        // A lake that is away is waited for, and said by those who want its tables.
        _ = Task.Run(() => Background.RunAsync(async cancel => await new RetryPolicy().RunAsync(time, lake.IdAsync, cancel, isTransient: failure => failure is PipelineException), _stopping.Token)).PipeTo(Self);
    }

    protected override void PostStop()
    {
        _stopping.Cancel();
        _outage.Dispose();
    }

    private void Naming()
    {
        Receive<Outcome<string>>(OnNamed);
        Receive<Remember>(_ => Sender.Tell(Remembered.Instance));
        Receiving();
    }

    private void Opening()
    {
        Receive<Outcome<PreparedJournal>>(OnPrepared);
        Receive<JournalRead>(OnRead, _ => Sender.Equals(_journal));
        Receive<Remember>(_ => Sender.Tell(Remembered.Instance));
        Receive<Overdue>(overdue => Fail(overdue.Incarnation, new TimeoutException($"it was not read within {ReadMax.TotalSeconds:0} s"), isUnreadable: false));
        Receive<Slow>(OnSlow);
        Receiving();
    }

    private void Opened()
    {
        Receive<Remember>(OnRemember);
        Receive<JournalWritten>(_ => OnWritten(), _ => Sender.Equals(_journal));
        // It can be read from the wire, as what the journal holds is: only the coordinator's counts.
        Receive<MedallionSnapshot>(everything => _journal.Tell(everything), _ => Context.IsFromCluster());
        Receive<SnapshotWritten>(_ => OnSnapshotWritten(), _ => Sender.Equals(_journal));
        Receive<JournalRead>(OnFormerRead, _ => Sender.Equals(_former));
        Receive<Overdue>(overdue => Fail(overdue.Incarnation, new TimeoutException($"a write has taken more than {WriteMax.TotalSeconds:0} s"), isUnreadable: false));
        Receiving();
    }

    private void Away()
    {
        Receive<Remember>(_ => Sender.Tell(Remembered.Instance));
        Receive<Reopen>(_ => Open());
        Receive<Overdue>(_ => { });
        Receiving();
    }

    /// <summary>What may come at any time.</summary>
    private void Receiving()
    {
        Receive<OutOfPatience>(_ => OnOutOfPatience());
        Receive<Slow>(_ => { });
        Receive<JournalFailed>(OnFailed);
        Receive<Terminated>(OnTerminated);
        Receive<Status.Failure>(failure => Background.ThrowIfAny(failure.Cause));
        // Of one that has been given up.
        Receive<Outcome<PreparedJournal>>(_ => { });
        Receive<JournalRead>(_ => { });
        Receive<JournalWritten>(_ => { });
        Receive<SnapshotWritten>(_ => { });
        Receive<MedallionSnapshot>(_ => { }, _ => Context.IsFromCluster());
    }

    private void Open()
    {
        Become(Opening);
        _incarnation++;
        _outage.Asks();
        Timers.StartSingleTimer(nameof(Overdue), new Overdue(_incarnation), ReadMax);
        Timers.StartSingleTimer(nameof(Slow), new Slow(_incarnation), SlowAfter);
        var (options, now) = (_options, _time.GetUtcNow());
        _ = Task.Run(() => Background.RunAsync(cancel => PrepareAsync(options, now, cancel), _stopping.Token)).PipeTo(Self);
    }

    /// <exception cref="PipelineException">Its server, or a right there, is missing: the plugin would only say that it was too slow.</exception>
    private static async ValueTask<PreparedJournal> PrepareAsync(TransformOptions options, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (options.JournalProvider == JournalProvider.Postgresql && await JournalTrial.RunAsync(options, cancellationToken) is { Ok: false } missing)
            throw new PipelineException(FaultKind.Unreachable, missing.Thing, missing.Detail, missing.NextStep ?? "");
        return JournalFile.Prepare(options, now);
    }

    private void OnNamed(Outcome<string> outcome)
    {
        if (outcome is Outcome<string>.Failed { Cause: var cause }) Background.ThrowIfAny(cause);
        if (outcome is not Outcome<string>.Done { Value: var lakeId }) return;
        _lakeId = lakeId;
        Open();
    }

    private void OnPrepared(Outcome<PreparedJournal> outcome)
    {
        switch (outcome)
        {
            case Outcome<PreparedJournal>.Failed { Cause: var cause }:
                Fail(_incarnation, cause, isUnreadable: false);
                break;
            case Outcome<PreparedJournal>.Done { Value: var prepared }:
                Tell(prepared);
                _plugins.Make(Context.System);
                _journal = Context.Watch(Context.ActorOf(JournalActor.Props($"{IdPrefix}:{_pipeline}:{_lakeId}", _plugins, isReading: !_isUnreadable), $"events-{++_children}"));
                break;
        }
    }

    private void Tell(PreparedJournal prepared)
    {
        if (prepared.DamagedAs is { } aside)
            _log.Warning("{Journal} is damaged ({Damage}) and was set aside as {Aside}: {Consequence}", _name, prepared.Damage, aside,
                _isRecalled ? "what the coordinator knows is written to a new one" : "the coordinator starts from the tables' logs, tables that were paused go on");
        else if (prepared.IsNew && _isRecalled) _log.Warning("{Journal} was gone: what the coordinator knows is written to a new one", _name);
        else if (prepared.IsNew) _log.Info("{Journal} is new: the coordinator starts from the tables' logs", _name);
    }

    private void OnRead(JournalRead read)
    {
        Timers.Cancel(nameof(Overdue));
        _outage.Answered();
        Become(Opened);
        // Releases before knew pipelines by their names only, and before that not at all.
        _formers = _isUnreadable || !read.Memory.IsEmpty ? [] : new Queue<string>([$"{IdPrefix}:{_pipeline}", IdPrefix]);
        if (!TryReadFormer()) Recall(read.Memory);
    }

    /// <summary>A pipeline that has remembered nothing yet takes over what stands under a name that it had in a release before.</summary>
    private bool TryReadFormer()
    {
        if (!_formers.TryDequeue(out var id)) return false;
        _formerId = id;
        _former = Context.Watch(Context.ActorOf(JournalActor.Props(id, _plugins), $"events-{++_children}"));
        return true;
    }

    private void OnFormerRead(JournalRead read)
    {
        if (read.Memory.IsEmpty)
        {
            StopFormer();
            if (TryReadFormer()) return;
        }

        Recall(read.Memory);
    }

    private void Recall(Recollection memory)
    {
        _failures = 0;
        var isBehind = _isRecalled || _isUnreadable || _former is not null;
        if (!_isRecalled) Context.Parent.Tell(new Recalled(memory));
        else if (!memory.IsEmpty) Context.Parent.Tell(new RecalledLate(memory));
        _isRecalled = true;
        _isUnreadable = false;
        // Whatever happened without it.
        if (isBehind) Context.Parent.Tell(GetEverything.Instance);
    }

    private void OnOutOfPatience()
    {
        if (_isRecalled) return;
        _isRecalled = true;
        if (_missing is null) _log.Warning("{Journal} has not been read within {Patience} s: the coordinator starts from the tables' logs", _name, Patience.TotalSeconds);
        else _log.Warning("{Journal} has not been read within {Patience} s, {Cause}: the coordinator starts from the tables' logs. {NextStep}", _missing.Thing, Patience.TotalSeconds, _missing.Cause, _missing.NextStep);
        Context.Parent.Tell(new Recalled(Recollection.Nothing));
    }

    private void OnRemember(Remember remember)
    {
        _writer = Sender;
        _written += remember.Events.Length;
        _outage.Asks();
        Timers.StartSingleTimer(nameof(Overdue), new Overdue(_incarnation), WriteMax);
        _journal.Tell(remember);
    }

    private void OnWritten()
    {
        AnswerWriter();
        _failures = 0;
        if (JournalFile.IsGone(_options)) Fail(_incarnation, new FileNotFoundException("its file has been deleted"), isUnreadable: false);
        else if (_written >= EventsPerSnapshot) Context.Parent.Tell(GetEverything.Instance);
    }

    private void OnSnapshotWritten()
    {
        _written = 0;
        if (_former is null) return;
        _former.Tell(ForgetEverything.Instance);
        _log.Info("What {Journal} held under the name {FormerId} belongs to pipeline {Pipeline} with the lake {Lake} now", _name, _formerId, _pipeline, _lakeId);
        _former = null;
    }

    private void AnswerWriter()
    {
        Timers.Cancel(nameof(Overdue));
        _writer?.Tell(Remembered.Instance);
        _writer = null;
    }

    private void OnFailed(JournalFailed failed)
    {
        if (Sender.Equals(_journal) || Sender.Equals(_former)) Fail(_incarnation, failed.Cause, failed.IsUnreadable);
    }

    private void OnTerminated(Terminated terminated)
    {
        if (terminated.ActorRef.Equals(_journal) || terminated.ActorRef.Equals(_former)) Fail(_incarnation, new InvalidOperationException("its actor has stopped"), isUnreadable: false);
    }

    /// <summary>Gives up this opening of the journal; the next comes after a pause.</summary>
    private void Fail(int incarnation, Exception cause, bool isUnreadable)
    {
        if (incarnation != _incarnation || (_journal is null && Timers.IsTimerActive(nameof(Reopen)))) return;
        _failures++;
        _missing = cause as PipelineException;
        if (isUnreadable)
        {
            _isUnreadable = true;
            _log.Warning(cause, "{Journal} holds what this release cannot read: the coordinator starts from the tables' logs, tables that were paused go on, and the journal is written anew", _name);
        }
        else
        {
            SayAway(JournalFile.IsFull(cause) ? FaultKind.StorageFull : FaultKind.Unreachable, (cause is PipelineException { Cause: var why, NextStep: var step } ? $"{why}. {step}" : cause.Message.ReplaceLineEndings(" ")).TrimEnd('.'));
        }

        AnswerWriter();
        if (_journal is not null) Context.Stop(Context.Unwatch(_journal));
        StopFormer();
        _journal = null;
        _plugins.Renew(Context.System);
        Become(Away);
        Timers.StartSingleTimer(nameof(Reopen), Reopen.Instance, Reopening.Delay(_failures, Random.Shared.NextDouble()));
    }

    private void OnSlow(Slow slow)
    {
        if (slow.Incarnation == _incarnation) SayAway(FaultKind.Unreachable, $"it has been read for {SlowAfter.TotalSeconds:0} s and has not answered");
    }

    private void SayAway(FaultKind kind, string cause) =>
        _outage.Failed(new Fault(kind, _name, cause, "Silver and Gold go on from the tables' logs; a pause that is ordered meanwhile is kept in memory only."));

    private void StopFormer()
    {
        if (_former is not null) Context.Stop(Context.Unwatch(_former));
        _former = null;
    }

    private sealed record OutOfPatience : INoSerializationVerificationNeeded
    {
        public static readonly OutOfPatience Instance = new();
    }

    private sealed record Overdue(int Incarnation) : INoSerializationVerificationNeeded;

    private sealed record Slow(int Incarnation) : INoSerializationVerificationNeeded;

    private sealed record Reopen : INoSerializationVerificationNeeded
    {
        public static readonly Reopen Instance = new();
    }
}
