namespace Pipeline.Core;

/// <summary>
/// An error for people: it names the thing, the cause and the next step, and never carries a secret.
/// </summary>
public sealed class PipelineException : Exception
{
    /// <param name="kind">Decides about retry and exit code.</param>
    /// <param name="thing">What is affected, e.g. <c>Source crm, table customer_orders</c>.</param>
    /// <param name="cause">What happened, without a closing full stop.</param>
    /// <param name="nextStep">What the reader can do, as a sentence. Whether it is tried again is said by who does so.</param>
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

    /// <summary>See <see cref="Fault.Dependency"/>.</summary>
    public string? Dependency { get; init; }

    /// <summary>The only split that is affected, when the others of the same reading are not.</summary>
    public SplitId? Split { get; init; }

    /// <summary>
    /// With <see cref="FaultKind.Gap"/>: from the split's position to the oldest record that is still there. An operator
    /// who accepts the gap moves the split to its end; null when there is nothing sensible to move to.
    /// </summary>
    public PositionRange? Gap { get; init; }

    /// <summary>
    /// With <see cref="FaultKind.Gap"/>: from here on the source has fewer or other records than were read. An operator who accepts
    /// that has the split read again from here, in a new epoch.
    /// </summary>
    public long? ReadAgainFrom { get; init; }

    /// <summary>Transient: these tables of the reading have to begin anew before it is tried again.</summary>
    public IReadOnlyList<TableAnew> Anew { get; init; } = [];

    /// <summary>
    /// It is about one table alone, and that table cannot be read as it is: whoever reads it ends that, and what else he reads is not hindered.
    /// </summary>
    public bool IsOfTable { get; init; }

    /// <summary>Rows break a rule that stops their table, and what is made of it, until they are mended or the rule is.</summary>
    public bool IsRuleBroken { get; init; }

    /// <summary>How long the dependency asks to be left alone; null: it says nothing.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Whether trying again later can help without anybody doing anything here.</summary>
    public bool IsTransient => Kind.IsTransient();
}
