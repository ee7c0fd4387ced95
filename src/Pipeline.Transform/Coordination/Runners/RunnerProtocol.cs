using Akka.Actor;
using Pipeline.Core;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination.Runners;

/// <summary>
/// A coordinator asks a node what it runs, and from then on is the one that is told how jobs end. Answer:
/// <see cref="RunningJobs"/>, then once more each <see cref="JobEnded"/> of which no coordinator has said that it has it.
/// </summary>
public sealed record GetRunningJobs;

/// <summary>The jobs that a node runs.</summary>
public sealed record RunningJobs(JobPins[] Jobs)
{
    /// <summary>The executions of those that have been, or are about to be, submitted to an engine elsewhere; null: none.</summary>
    public SubmittedJob[]? Submitted { get; init; }
}

/// <summary>The execution of a table's job.</summary>
public sealed record SubmittedJob(TableId Table, JobHandle Handle)
{
    /// <summary>Its submission waits for <see cref="IntentKept"/>; null: it does not.</summary>
    public bool? IsAwaited { get; init; }
}

/// <summary>The coordinator has written down an execution, or cannot: the node may submit it.</summary>
public sealed record IntentKept(JobPins Pins, JobHandle Handle);

/// <summary>Runs a job whose request is durable, unless the node runs it already. It ends with <see cref="JobEnded"/>.</summary>
public sealed record RunJob(JobPins Pins)
{
    /// <summary>The execution that another node has intended: it is looked for before another one is begun; null: none is known.</summary>
    public JobHandle? Handle { get; init; }
}

/// <summary>Interrupts a job that nobody waits for. No answer.</summary>
public sealed record CancelJob(JobPins Pins);

/// <summary>The coordinator has written down how a job ended: the node may forget it.</summary>
public sealed record JobEndKept(JobPins Pins);

/// <summary>These nodes run jobs and are asked what: nothing is planned before they have answered, or for too long have not.</summary>
/// <param name="Runners">Their addresses.</param>
internal sealed record RunnersAsked(IReadOnlyList<string> Runners) : INoSerializationVerificationNeeded;

/// <summary>A node has said what it runs.</summary>
/// <param name="Runner">Its address.</param>
internal sealed record RunnerAnswered(string Runner, IReadOnlyList<JobPins> Jobs) : INoSerializationVerificationNeeded
{
    public IReadOnlyList<SubmittedJob> Submitted { get; init; } = [];
}

/// <summary>A job of this node is about to be submitted to an engine elsewhere.</summary>
internal sealed record JobIntended(JobPins Pins, JobHandle Handle) : INoSerializationVerificationNeeded;

/// <summary>A node, or the part of it that runs jobs, is gone with what it ran.</summary>
internal sealed record RunnerLost(string Runner) : INoSerializationVerificationNeeded;

/// <summary>Nodes that have not answered by now are waited for no longer.</summary>
internal sealed record RunnersWaitedFor : INoSerializationVerificationNeeded
{
    public static readonly RunnersWaitedFor Instance = new();
}
