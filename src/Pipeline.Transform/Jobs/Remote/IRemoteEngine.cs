using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Jobs.Remote;

/// <summary>
/// What interprets documents somewhere else: its executions go on when whoever submitted them is gone, and may be submitted
/// once too often by whoever does not know of them. <see cref="RemoteExecution"/> is who speaks with it. Thread-safe.
/// </summary>
public interface IRemoteEngine
{
    /// <summary>As <see cref="JobPins.Engine"/> has it.</summary>
    string Name { get; }

    /// <summary>Whose SQL the documents hold that it takes.</summary>
    SqlDialect Dialect { get; }

    RemoteBounds Bounds { get; }

    /// <summary>
    /// The executions of a run that it knows, whoever has submitted them: all that have not ended, and those that have ended
    /// and were submitted after <paramref name="since"/>. It looks after it was called.
    /// </summary>
    /// <param name="run">Any execution of the run.</param>
    ValueTask<ImmutableArray<FoundExecution>> FindAsync(JobName run, DateTimeOffset since, CancellationToken cancellationToken);

    /// <summary>Submits an execution, once: it is not tried again when its answer is lost.</summary>
    /// <exception cref="PipelineException">It was refused, or has not been sent.</exception>
    ValueTask<Submission> SubmitAsync(RemoteJob job, CancellationToken cancellationToken);

    /// <summary>How an execution stands. Waits for news as long as suits the engine.</summary>
    /// <exception cref="PipelineException">It cannot be told.</exception>
    ValueTask<FoundExecution> ObserveAsync(JobHandle handle, CancellationToken cancellationToken);

    /// <summary>Asks for the end of an execution; whether it has ended, and how, is observed. Nothing happens when it has.</summary>
    ValueTask CancelAsync(JobHandle handle, CancellationToken cancellationToken);

    /// <summary>Why an execution has failed, with all that the engine knows of it.</summary>
    /// <param name="said">What it has answered itself; null: nothing.</param>
    ValueTask<PipelineException> ExplainAsync(FoundExecution failed, AnsweredFailure? said, CancellationToken cancellationToken);
}

/// <summary>What an engine promises of time.</summary>
/// <param name="ArriveMax">
/// A submission that was sent is found after this time, or will never be there: a signature is good for so long, and a list shows what
/// there is after so long.
/// </param>
/// <param name="RunMax">How long an execution may wait, and how long it may run, before it is cancelled.</param>
public sealed record RemoteBounds(TimeSpan ArriveMax, TimeSpan RunMax);

/// <summary>What is submitted.</summary>
/// <param name="Document">The document that lies at <paramref name="DocumentUri"/>.</param>
/// <param name="Sha256">Of its bytes: other bytes are refused by who runs them.</param>
/// <param name="AnswerUri">Where it is answered, last of all.</param>
public sealed record RemoteJob(JobName Name, JobDocument Document, string DocumentUri, string Sha256, string AnswerUri);

/// <summary>What became of a submission.</summary>
public abstract record Submission
{
    private Submission()
    {
    }

    public sealed record Accepted(JobHandle Handle) : Submission;

    /// <summary>Nothing was sent: the engine takes no more for now.</summary>
    /// <param name="Why">Without a full stop.</param>
    public sealed record NoRoom(string Why) : Submission;

    /// <summary>It was sent, and nobody knows whether it has arrived.</summary>
    public sealed record Lost(Exception Cause) : Submission;
}

/// <summary>How far an execution is.</summary>
public enum ExecutionStage
{
    Pending,
    Running,

    /// <summary>Its end was asked for. It may still write.</summary>
    Cancelling,

    Succeeded,
    Failed,
    Cancelled,
}

/// <summary>An execution as its engine knows it.</summary>
/// <param name="Document">The SHA-256 of its document; null: the engine does not tell.</param>
/// <param name="Since">When it began to run; of one that has not, when it was submitted.</param>
public sealed record FoundExecution(JobHandle Handle, ExecutionStage Stage, string? Document, DateTimeOffset Since)
{
    /// <summary>Whether it can write: what replaces it waits until it cannot.</summary>
    public bool IsActive => Stage is ExecutionStage.Pending or ExecutionStage.Running or ExecutionStage.Cancelling;

    /// <summary>Why it has ended, as the engine's list says; null: it says nothing.</summary>
    public string? Reason { get; init; }

    /// <summary>What is kept of it with the run, by the names of its commit's metrics.</summary>
    public ImmutableDictionary<string, string> Metrics { get; init; } = ImmutableDictionary<string, string>.Empty;
}
