namespace Pipeline.Core;

/// <summary>What went wrong, as far as the reaction to it differs.</summary>
public enum FaultKind
{
    /// <summary>A dependency does not answer or is busy. Retried with backoff.</summary>
    Unreachable,

    /// <summary>Credentials or rights are missing or refused. Stops at once.</summary>
    NotAuthorised,

    /// <summary>A named thing (table, topic, warehouse, file) does not exist. Stops at once.</summary>
    Missing,

    /// <summary>Settings or data contradict what is allowed. Stops at once.</summary>
    Invalid,

    /// <summary>Records between two positions are gone at the source. Halts the split until an operator decides.</summary>
    Gap,

    /// <summary>Stored data is damaged: a truncated commit, a missing file. Stops at once.</summary>
    Damaged,

    /// <summary>It needs more memory than it may use. Stops at once, unless it can be done in smaller pieces.</summary>
    TooLarge,

    /// <summary>The disk or bucket is full or read-only. Retried with backoff: space may return.</summary>
    StorageFull,
}

/// <summary>
/// An error for people: it names the thing, the cause and the next step, and never carries a secret.
/// </summary>
public sealed class PipelineException : Exception
{
    /// <param name="kind">Decides about retry and exit code.</param>
    /// <param name="thing">What is affected, e.g. <c>Source crm, table customer_orders</c>.</param>
    /// <param name="cause">What happened, without a closing full stop.</param>
    /// <param name="nextStep">What the reader can do, as a sentence.</param>
    /// <param name="inner">The library's own exception.</param>
    public PipelineException(FaultKind kind, string thing, string cause, string nextStep, Exception? inner = null)
        : base($"{thing}: {cause}. {nextStep}", inner)
    {
        Kind = kind;
        Thing = thing;
        Cause = cause;
        NextStep = nextStep;
    }

    public FaultKind Kind { get; }

    public string Thing { get; }

    public string Cause { get; }

    public string NextStep { get; }

    /// <summary>The only split that is affected, when the others of the same reading are not.</summary>
    public SplitId? Split { get; init; }

    /// <summary>
    /// With <see cref="FaultKind.Gap"/>: from the split's position to the oldest record that is still there. An operator
    /// who accepts the gap moves the split to its end; null when there is nothing sensible to move to.
    /// </summary>
    public PositionRange? Gap { get; init; }

    /// <summary>Whether trying again later can help without anybody doing anything here.</summary>
    public bool IsTransient => Kind is FaultKind.Unreachable or FaultKind.StorageFull;
}
