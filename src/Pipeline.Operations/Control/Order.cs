using System.Collections.Immutable;
using Pipeline.Core;

namespace Pipeline.Operations.Control;

/// <summary>What an operator wants to be done once.</summary>
public enum OrderKind
{
    Trigger,
    Backfill,
    AcceptGap,
    Redrive,
    Rebuild,
    Restart,

    /// <summary>A node commits what is open, leaves the cluster and ends.</summary>
    Leave,

    /// <summary>A node that does not answer is given up.</summary>
    Down,

    /// <summary>The run of a table that goes on is interrupted and planned anew.</summary>
    Cancel,

    /// <summary>A node's log tells more or less, for as long as is said.</summary>
    LogLevel,

    /// <summary>A part of a Bronze table is read again: a release that does not know it leaves it alone, and takes it for none of all.</summary>
    BackfillPart,

    /// <summary>The same of a log, whose records keep the order that they have: a release that does not know it would have them newer than what lies behind.</summary>
    BackfillInOrder,
}

/// <summary>How an order ended.</summary>
public enum OrderOutcome
{
    Done,

    /// <summary>What it aimed at had moved: nothing was done.</summary>
    Refused,

    /// <summary>It cannot be done; what keeps it from being done is told beside it.</summary>
    Failed,
}

/// <summary>A position in a table's log: a split's, or that of the runs.</summary>
public sealed record AimedPosition(string AppId, long At);

/// <summary>Where a table was when somebody looked at it and gave an order. One that is elsewhere since is another's business.</summary>
/// <param name="Identity">The table's.</param>
/// <param name="Epoch">The newest of its splits; 0 of a table without.</param>
/// <param name="Positions">Those that the order is about.</param>
public sealed record OrderAim(string Identity, int Epoch, ImmutableArray<AimedPosition> Positions)
{
    /// <summary>What of its splits is meant, as the source had it then; null: all of them.</summary>
    public IReadOnlyList<SplitPart>? Parts { get; init; }

    /// <summary>False: one that was made up, or written down by nobody who knows how.</summary>
    internal bool IsWhole => !Positions.IsDefault && Parts?.Any(part => part is null) != true;

    public bool Equals(OrderAim? other) => other is not null && Identity == other.Identity && Epoch == other.Epoch && Positions.SequenceEqual(other.Positions) && (Parts ?? []).SequenceEqual(other.Parts ?? []);

    public override int GetHashCode() => HashCode.Combine(Identity, Epoch, Positions.Length);
}

/// <summary>An order of an operator.</summary>
/// <param name="Id">Tells it from every other; given again, it is the same order.</param>
/// <param name="Number">Orders about one table have rising numbers, also over a lake that was restored: the table's log has that of the last one that was done.</param>
/// <param name="Aim">Null: it is about no table that is there.</param>
/// <param name="Value">What goes with its kind; null: nothing does.</param>
/// <param name="At">When it was given, by the clock of the door through which it came; whole microseconds.</param>
/// <param name="Why">For people; never empty.</param>
public sealed record Order(string Id, long Number, OrderKind Kind, ControlTarget Target, OrderAim? Aim, string? Value, string Who, DateTimeOffset At, string Why)
{
    /// <summary>The appId in a table's log of the number of the last order about it that was done.</summary>
    public const string DoneAppId = "pipeline.order";

    /// <summary>Null: it waits or is being done.</summary>
    public DateTimeOffset? DoneAt { get; init; }

    /// <summary>With <see cref="DoneAt"/>.</summary>
    public OrderOutcome? Outcome { get; init; }

    /// <summary>Why it was refused or failed; null: it was not.</summary>
    public string? Detail { get; init; }
}
