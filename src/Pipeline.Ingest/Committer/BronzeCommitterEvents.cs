using System.Collections.Immutable;
using Akka.Actor;
using Pipeline.Core;

namespace Pipeline.Ingest.Committer;

/// <summary>What a committer reacts to.</summary>
public abstract record CommitterEvent : INoSerializationVerificationNeeded
{
    private CommitterEvent()
    {
    }

    public sealed record Asked(PendingQuestion Question) : CommitterEvent;

    public sealed record Staged(PendingStage Stage) : CommitterEvent;

    /// <summary>The table's log has been read to its end.</summary>
    public sealed record Opened(ITableView View) : CommitterEvent;

    /// <summary>The commit under way is durable as <c>View.Version</c>.</summary>
    public sealed record Committed(ITableView View) : CommitterEvent;

    /// <summary>The commit under way was not made: another writer moved one of its splits, or changed the table.</summary>
    public sealed record Superseded(ITableView View) : CommitterEvent;

    /// <summary>The commit under way was not made: files of these stages are not in our lake, or not as they were staged.</summary>
    /// <param name="Faults">Why, by the stage's id.</param>
    public sealed record Unfounded(ImmutableDictionary<Guid, Fault> Faults) : CommitterEvent;

    /// <summary>Opening or committing failed; a commit may have been made nevertheless.</summary>
    public sealed record Failed(Fault Fault) : CommitterEvent;

    /// <summary>The commit interval is over.</summary>
    public sealed record FlushDue : CommitterEvent;

    /// <summary>The backoff is over.</summary>
    public sealed record RetryDue : CommitterEvent;

    /// <summary>What a worker's command means here.</summary>
    internal static CommitterEvent Of(object command, IActorRef sender) => command switch
    {
        GetPositions question => new Asked(new PendingQuestion(question, sender)),
        StageFiles stage => new Staged(new PendingStage(stage, sender)),
        _ => throw new ArgumentException($"A committer does not understand {command}.", nameof(command)),
    };
}

/// <summary>What a committer's actor has to do.</summary>
public abstract record CommitterEffect
{
    private CommitterEffect()
    {
    }

    /// <summary>Read the table's log to its end, on from the version that is known; answer with Opened or Failed.</summary>
    public sealed record Open(ITableView Known) : CommitterEffect;

    /// <summary>One Delta commit of all files and positions to the table; answer with Committed, Superseded or Failed.</summary>
    public sealed record Commit(ImmutableList<PendingStage> Batch, ITableView Table) : CommitterEffect;

    public sealed record Reply(IActorRef To, object Message) : CommitterEffect;

    /// <summary>Tell that a stage was turned away which no worker of ours sends.</summary>
    public sealed record TellTurnedAway(Fault Fault) : CommitterEffect;

    public sealed record Announce(BronzeCommitted Event) : CommitterEffect;

    public sealed record FlushAfter(TimeSpan Delay) : CommitterEffect;

    /// <param name="Delay">The longest that the pause may be: chance shortens it.</param>
    public sealed record RetryAfter(TimeSpan Delay) : CommitterEffect;
}
