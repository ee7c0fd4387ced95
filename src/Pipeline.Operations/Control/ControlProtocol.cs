using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Control;

/// <summary>What a table, or a worker of it, is doing.</summary>
public enum WorkState
{
    /// <summary>It reflects all that it is made from, as far as is known.</summary>
    Current,

    /// <summary>Reads its source.</summary>
    Reading,

    /// <summary>Looks where to go on.</summary>
    Starting,

    /// <summary>Its inputs have advanced, or it was told to run; it waits for its turn.</summary>
    Waiting,

    /// <summary>A run of it goes on.</summary>
    Running,

    /// <summary>Something it needs does not answer; it is tried again.</summary>
    Retrying,

    /// <summary>Commits what is open before it rests.</summary>
    Draining,

    /// <summary>Rests because an operator wants it to.</summary>
    Paused,

    /// <summary>Waits for somebody to mend something.</summary>
    Halted,
}

/// <summary>What is wrong, as one node says it.</summary>
public sealed record ReportedFault(FaultKind Kind, string Thing, string Cause, string NextStep)
{
    /// <summary>Records at the source that are gone: an operator has to say that they are given up.</summary>
    [JsonIgnore]
    public bool IsGap => Kind == FaultKind.Gap;

    internal static ReportedFault? Of(Fault? fault) => fault is null ? null : new ReportedFault(fault.Kind, fault.Thing, fault.Cause, fault.NextStep);
}

/// <summary>One worker of a Bronze table, on the node that reports it.</summary>
/// <param name="Splits">How many it reads.</param>
public sealed record WorkerLine(int Worker, WorkState State, int Splits);

/// <summary>A table, as one node sees it.</summary>
/// <param name="Since">When it came into that state, as far as this node knows.</param>
/// <param name="Rows">Of a Bronze table those that this node has committed since it started; of others those of its version.</param>
/// <param name="RowsPerSecond">Over the last seconds; null: it is not known.</param>
/// <param name="Pending">Rows that are announced and not reflected, as far as is known.</param>
public sealed record TableReport(TableId Table, WorkState State, DateTimeOffset Since, long? Version, long? Rows, double? RowsPerSecond, long Pending)
{
    public DateTimeOffset? PendingSince { get; init; }

    /// <summary>When it last committed, or its last run began.</summary>
    public DateTimeOffset? LastAt { get; init; }

    /// <summary>The number of its last run, or of the one that goes on; null: it is of Bronze.</summary>
    public long? Run { get; init; }

    /// <summary>The run that goes on; null: none does, or it is of Bronze.</summary>
    public JobPins? Running { get; init; }

    /// <summary>The node that executes it, or has it executed; null: none does.</summary>
    public string? Runner { get; init; }

    /// <summary>Attempts that have failed since the last run that succeeded; null: none.</summary>
    public FailedBefore? FailedBefore { get; init; }

    /// <summary>The moment of its sources that it reflects; null: this node does not know.</summary>
    public DateTimeOffset? ReflectsUntil { get; init; }

    public ReportedFault? Fault { get; init; }

    public ImmutableArray<WorkerLine> Workers { get; init; } = [];

    internal bool IsSameAs(TableReport other) => this with { Workers = [] } == other with { Workers = [] } && Workers.SequenceEqual(other.Workers);
}

/// <summary>What a node is.</summary>
/// <param name="Node">Its host name and port.</param>
/// <param name="Incarnation">Tells it from one of the same address before.</param>
/// <param name="Release">Of its program.</param>
/// <param name="Configuration">A fingerprint: nodes of one configuration have the same.</param>
public sealed record NodeFacts(string Node, string Incarnation, string Release, DateTimeOffset StartedAt, ImmutableArray<string> Roles, string Configuration)
{
    /// <summary>How many tables its configuration has; null: of a release that does not say which.</summary>
    public int? Tables { get; init; }

    public bool Equals(NodeFacts? other) => other is not null && Incarnation == other.Incarnation && Node == other.Node;

    public override int GetHashCode() => HashCode.Combine(Node, Incarnation);
}

/// <summary>A table of a node's configuration.</summary>
/// <param name="Print">Of all that its nodes must agree about: its workers, its contract.</param>
public sealed record KnownTable(TableId Table, string Print);

/// <summary>Why some nodes leave a table alone.</summary>
public enum UnlikeReason
{
    /// <summary>The node that started last does not have it.</summary>
    NotInNewest,

    /// <summary>A node that started before does not know it.</summary>
    NotEverywhere,

    /// <summary>The node that started last has other workers or another contract of it.</summary>
    Otherwise,
}

/// <summary>A table of which not all nodes' configurations say the same.</summary>
/// <param name="Nodes">Those that leave it alone.</param>
/// <param name="Newest">The node that started last: what it says rules.</param>
public sealed record UnlikeTable(TableId Table, ImmutableArray<string> Nodes, string Newest, UnlikeReason Reason)
{
    public bool Equals(UnlikeTable? other) => other is not null && (Table, Newest, Reason) == (other.Table, other.Newest, other.Reason) && Nodes.SequenceEqual(other.Nodes);

    public override int GetHashCode() => HashCode.Combine(Table, Newest, Reason);
}

/// <summary>From a node's monitor to the singleton, once a second and more often where much has changed. Answer: <see cref="DesiredWork"/>.</summary>
/// <param name="By">What it acts by; null: nobody has told it anything.</param>
/// <param name="Tables">Those of which something has changed; at most <see cref="TablesMax"/>.</param>
/// <param name="Gone">Tables of which it knows no more.</param>
public sealed record NodeReport(NodeFacts Facts, DesiredWork? By, bool IsHeld, long BufferBytes, TableReport[] Tables, TableId[] Gone)
{
    /// <summary>So that no message is too large.</summary>
    public const int TablesMax = 100;

    /// <summary>Things that do not answer this node.</summary>
    public string[] Away { get; init; } = [];

    /// <summary>Tables of its configuration, until it has been compared with the others'; at most <see cref="TablesMax"/>.</summary>
    public KnownTable[] Knows { get; init; } = [];

    /// <summary>The same with their causes, and what waits for long without a fault; at most <see cref="TroublesMax"/>.</summary>
    public Trouble[] Troubles { get; init; } = [];

    /// <summary>So that no message is too large.</summary>
    public const int TroublesMax = 20;
}

/// <summary>What keeps a node, or a part of it, and is no fault of a table's.</summary>
/// <param name="Kind">Null: nothing has failed; an answer is waited for.</param>
/// <param name="Thing">What does not answer, or who waits.</param>
/// <param name="NextStep">Empty: nobody knows one.</param>
public sealed record Trouble(FaultKind? Kind, string Thing, string Cause, string NextStep, DateTimeOffset Since);

/// <summary>From the singleton to a node: all that operators want.</summary>
/// <param name="Singleton">Tells it from the one before: a node says everything to a new one.</param>
/// <param name="Number">Of the last entry of the lake's record that is in it.</param>
/// <param name="Unrecorded">Wishes that are in it and that the lake does not have yet: nodes remember them for a singleton that moves.</param>
public sealed record DesiredWork(string Singleton, long Number, TableId[] Tables, string[] Sources, string[] Nodes, TableId[] Scheduled, Wish[] Unrecorded)
{
    /// <summary>Of <see cref="Nodes"/> those whose work others are to do meanwhile; null: from a singleton of a release that knows none.</summary>
    public string[]? Drained { get; init; }

    /// <summary>Tables that some nodes leave alone; null: not every node has said yet what it knows, and what was said before holds.</summary>
    public UnlikeTable[]? Unlike { get; init; }

    /// <summary>Nodes whose configurations are compared in it; null: from a singleton of a release that compares none.</summary>
    public string[]? Compared { get; init; }

    internal static DesiredWork Of(string singleton, ControlState state, IEnumerable<Wish> unrecorded)
    {
        var work = HeldWishes.Of(state);
        return new DesiredWork(singleton, state.Number, [.. work.Tables], [.. work.Sources], [.. work.Nodes], [.. work.Scheduled], [.. unrecorded]) { Drained = [.. work.Drained] };
    }

    /// <summary>As if it had been said before everything: for a singleton that cannot read the lake.</summary>
    internal ControlState ToState()
    {
        return new ControlState(Identity: null, Number,
        [
            .. Tables.Select(table => Of(WishKind.Paused, ControlTarget.Of(table))), .. Sources.Select(source => Of(WishKind.Paused, ControlTarget.Source(source))),
            .. Nodes.Select(node => Of(Drained?.Contains(node) == true ? WishKind.Drained : WishKind.Paused, ControlTarget.Node(node))), .. Scheduled.Select(table => Of(WishKind.Schedule, ControlTarget.Of(table))),
        ], []);

        static Wish Of(WishKind kind, ControlTarget target) => new($"{ControlWords.Of(kind)} {target}", kind, target, Holds: true, Value: null, "", DateTimeOffset.MinValue, "");
    }

    internal HeldWork ToWork() => new([.. Tables], [.. Sources], [.. Nodes], [.. Scheduled])
    {
        Drained = [.. Drained ?? []],
        Unlike = (Unlike ?? []).ToImmutableDictionary(table => table.Table, table => table.Nodes.ToImmutableHashSet(StringComparer.Ordinal)),
        Compared = Compared?.ToImmutableHashSet(StringComparer.Ordinal),
    };
}

/// <summary>From the singleton to every node: a table, a source or a node starts again. No answer.</summary>
/// <param name="OrderId">A node that has heard it does nothing more.</param>
/// <param name="At">When it was ordered: what has started since has started again.</param>
public sealed record RestartWork(string OrderId, ControlTarget Target, DateTimeOffset At);

/// <summary>From the singleton to every node: one of them commits what is open, leaves the cluster and ends. No answer.</summary>
/// <param name="At">When it was ordered: a node that has started since is another.</param>
public sealed record LeaveWork(string OrderId, string Node, DateTimeOffset At);

/// <summary>From the singleton to every node: one of them is to tell more or less in its log. No answer.</summary>
/// <param name="Value">As <see cref="LogOrder.Parse"/> reads it.</param>
/// <param name="At">When it was ordered: a node that has started since tells what its configuration says.</param>
public sealed record LogLevelWork(string OrderId, string Node, string Value, DateTimeOffset At);

/// <summary>From the singleton to every node: what halts a table was decided about. No answer.</summary>
public sealed record LookAgainAt(TableId Table);

/// <summary>From a door to the singleton: something new stands in the lake. No answer.</summary>
public sealed record ControlRecorded;

/// <summary>From a door to the singleton: a wish that cannot be recorded, since the lake is away. Answer: <see cref="UnrecordedTaken"/>.</summary>
public sealed record TakeUnrecorded(Wish Wish);

public sealed record UnrecordedTaken(string Id);

/// <summary>From a door to the singleton: an order to start something again, that cannot be recorded. Answer: <see cref="UnrecordedTaken"/>.</summary>
public sealed record RestartUnrecorded(Order Order);

/// <summary>Asks the singleton how the pipeline is. Answer: <see cref="PipelinePage"/>.</summary>
/// <param name="After">Tables behind this one, in the order of their names; null: from the first.</param>
public sealed record GetPipeline(TableId? After);

/// <summary>A node, as the singleton last heard of it.</summary>
/// <param name="HeardAt">When.</param>
/// <param name="IsHeld">It rests, because an operator wants it to.</param>
/// <param name="BufferBytes">Of records that are read and not committed.</param>
/// <param name="Away">Things that do not answer it.</param>
public sealed record NodeLine(NodeFacts Facts, DateTimeOffset HeardAt, long Number, bool IsHeld, long BufferBytes, string[] Away)
{
    /// <inheritdoc cref="NodeReport.Troubles"/>
    public Trouble[] Troubles { get; init; } = [];
}

/// <summary>A node of the cluster that answers its neighbours and reports to nobody, as those of a release that knows no wishes of operators.</summary>
/// <param name="Node">Its host name and port.</param>
/// <param name="PlacesWork">It is the oldest of those that read, and says which of them reads what: it takes nothing from a drained one.</param>
public sealed record SilentNode(string Node, bool PlacesWork);

/// <summary>A table, as all nodes together see it.</summary>
/// <param name="Report">The worst state, the sum of rows, the newest times.</param>
/// <param name="Nodes">Those that work on it, and how many of its workers each has.</param>
public sealed record TableLine(TableReport Report, ImmutableDictionary<string, ImmutableArray<WorkerLine>> Nodes)
{
    [JsonIgnore]
    public TableId Table => Report.Table;
}

/// <param name="Nodes">All of them, on each page.</param>
/// <param name="Next">What to ask for next; null: these were the last.</param>
/// <param name="LakeAway">Since when the record of what operators want cannot be read; null: it can.</param>
public sealed record PipelinePage(DateTimeOffset At, NodeLine[] Nodes, TableLine[] Tables, TableId? Next, DateTimeOffset? LakeAway, string[] Unrecorded)
{
    /// <summary>Those that hold, on each page.</summary>
    public Wish[] Wishes { get; init; } = [];

    /// <summary>Tables of which not all nodes' configurations say the same, on each page.</summary>
    public UnlikeTable[] Unlike { get; init; } = [];

    /// <summary>On each page.</summary>
    public SilentNode[] Silent { get; init; } = [];
}

/// <summary>Within a node: who keeps what operators want from being done? Answer: <see cref="SilentLeader"/>.</summary>
internal sealed record GetSilentLeader : INoSerializationVerificationNeeded;

/// <param name="Node">The oldest of the cluster, which has to do what operators want and does not; null: somebody does, or may yet.</param>
internal sealed record SilentLeader(string? Node) : INoSerializationVerificationNeeded;

/// <summary>Within a node: it is to be stopped and started again.</summary>
internal sealed record NodeRestartAsked : INoSerializationVerificationNeeded;
