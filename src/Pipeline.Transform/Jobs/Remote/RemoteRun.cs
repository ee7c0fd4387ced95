using System.Collections.Immutable;

namespace Pipeline.Transform.Jobs.Remote;

/// <summary>What became of a claim: written once, by its owner or by whoever takes it from him.</summary>
internal enum ClaimFate
{
    /// <summary>Its owner may still submit the execution.</summary>
    Open,

    /// <summary>The execution was or is about to be sent to the engine, by the owner.</summary>
    Sent,

    /// <summary>The execution is never sent.</summary>
    Dropped,

    /// <summary>The execution was sent, and has ended or was refused.</summary>
    Over,
}

/// <summary>The right to submit one execution of a run, as the artifacts have it.</summary>
/// <param name="SeenAt">When it was first seen here with this fate: by a clock that only this process has, so that no two clocks are compared.</param>
internal sealed record SeenClaim(int Number, string Execution, string Document, ClaimFate Fate, TimeSpan SeenAt);

/// <summary>What is known of a run's executions.</summary>
/// <param name="Document">The SHA-256 of the document that shall be executed.</param>
internal sealed record RunKnowledge(string Document, RemoteBounds Bounds)
{
    /// <summary>How long an open claim is left to its owner before it is taken from him. Longer than a search takes.</summary>
    public static readonly TimeSpan Courtesy = TimeSpan.FromSeconds(45);

    /// <summary>
    /// How long after its claim says so an execution may still be sent: who stood still meanwhile, or waited for room in an engine that is
    /// full, draws another one.
    /// </summary>
    public static readonly TimeSpan SendMax = TimeSpan.FromMinutes(2);

    /// <summary>How long an execution that was told to end and does not say so is left alone.</summary>
    public static readonly TimeSpan CancelAgain = TimeSpan.FromMinutes(1);

    public ImmutableArray<SeenClaim> Claims { get; init; } = [];

    /// <summary>What the engine knows; null: it has not been asked since something has changed.</summary>
    public ImmutableArray<FoundExecution>? Found { get; init; }

    /// <summary>When the engine was asked.</summary>
    public TimeSpan FoundAt { get; init; }

    /// <summary>The claim that is ours; null: none is.</summary>
    public int? Held { get; init; }

    /// <summary>Executions whose answers are of no use.</summary>
    public ImmutableHashSet<string> Spoilt { get; init; } = [];

    /// <summary>When the end of an execution was asked for last.</summary>
    public ImmutableDictionary<string, TimeSpan> Cancelled { get; init; } = ImmutableDictionary<string, TimeSpan>.Empty;

    /// <summary>The document of an execution: as the engine tells it, or its claim.</summary>
    public string? DocumentOf(FoundExecution found) =>
        found.Document ?? Claims.FirstOrDefault(claim => claim.Execution == found.Handle.Execution)?.Document;
}

/// <summary>What is done next for a run.</summary>
internal abstract record RunStep
{
    private RunStep()
    {
    }

    /// <summary>The claims are read, then the engine is asked for the run's executions.</summary>
    public sealed record Look : RunStep;

    /// <summary>The claim of this number is put, if nobody has.</summary>
    public sealed record Claim(int Number) : RunStep;

    /// <summary>The claim is taken from its owner, unless he has sent it.</summary>
    public sealed record TakeAway(int Number) : RunStep;

    /// <summary>It is written down that the claim's execution has ended, or has never come to be.</summary>
    public sealed record Close(int Number) : RunStep;

    /// <summary>Our claim's execution is submitted, if nobody has taken the claim away.</summary>
    public sealed record Submit(int Number) : RunStep;

    /// <summary>The end of this execution is waited for, and its answer is taken.</summary>
    public sealed record Adopt(FoundExecution Execution) : RunStep;

    public sealed record Cancel(ImmutableArray<JobHandle> Executions) : RunStep;

    /// <summary>What is looked at again does not depend on us.</summary>
    /// <param name="Why">Without a full stop.</param>
    public sealed record Wait(string Why) : RunStep;
}

/// <summary>
/// One run for one intent: what follows from what is known of a run's executions. A pure function; all that is dangerous about
/// submitting twice is in it.
/// </summary>
/// <remarks>
/// An execution is submitted by the owner of a claim only, after he has written into the claim that he does: whoever finds it open can
/// take it from him and knows then that it never comes. Whoever finds it sent waits until its execution is found and has ended, or
/// cannot come any more. So there is never one that could write beside one that is submitted.
/// </remarks>
internal static class RemoteRun
{
    /// <param name="now">By the clock of <see cref="SeenClaim.SeenAt"/>.</param>
    public static RunStep Decide(RunKnowledge known, TimeSpan now)
    {
        if (known.Found is not { } found) return new RunStep.Look();

        var chosen = found.Where(execution => IsOfUse(known, execution)).OrderByDescending(execution => execution.Stage).ThenBy(execution => execution.Handle.Execution, StringComparer.Ordinal).FirstOrDefault();
        var inTheWay = found.Where(execution => execution.IsActive && execution != chosen).ToImmutableArray();
        var toBeAsked = inTheWay.Where(execution => MustBeAsked(known, execution, now)).Select(execution => execution.Handle).ToImmutableArray();
        if (!toBeAsked.IsEmpty) return new RunStep.Cancel(toBeAsked);
        if (!inTheWay.IsEmpty) return new RunStep.Wait($"execution {inTheWay[0].Handle.Execution} was told to end and has not ended");
        if (chosen is not null) return new RunStep.Adopt(chosen);

        foreach (var claim in known.Claims.Where(claim => claim.Number != known.Held && claim.Fate is ClaimFate.Open or ClaimFate.Sent))
        {
            var hasEnded = found.Any(execution => execution.Handle.Execution == claim.Execution);
            if (hasEnded) return new RunStep.Close(claim.Number);
            if (claim.Fate == ClaimFate.Open)
                return now < claim.SeenAt + RunKnowledge.Courtesy ? new RunStep.Wait($"another node is about to submit execution {claim.Execution}") : new RunStep.TakeAway(claim.Number);
            // Not found is no proof before it must have been there: the answer to its submission may have been lost, and not the submission.
            return known.FoundAt < claim.SeenAt + RunKnowledge.SendMax + known.Bounds.ArriveMax ? new RunStep.Wait($"execution {claim.Execution} may have been submitted, and is looked for") : new RunStep.Close(claim.Number);
        }

        return known.Held is { } held ? new RunStep.Submit(held) : new RunStep.Claim(known.Claims.Select(claim => claim.Number).DefaultIfEmpty().Max() + 1);
    }

    /// <summary>Of our document, and running or well ended: not one whose end somebody has asked for.</summary>
    private static bool IsOfUse(RunKnowledge known, FoundExecution execution) =>
        execution.Stage is ExecutionStage.Pending or ExecutionStage.Running or ExecutionStage.Succeeded && known.DocumentOf(execution) == known.Document && !known.Spoilt.Contains(execution.Handle.Execution);

    private static bool MustBeAsked(RunKnowledge known, FoundExecution execution, TimeSpan now) =>
        execution.Stage is ExecutionStage.Pending or ExecutionStage.Running && !(known.Cancelled.TryGetValue(execution.Handle.Execution, out var asked) && now < asked + RunKnowledge.CancelAgain);
}
